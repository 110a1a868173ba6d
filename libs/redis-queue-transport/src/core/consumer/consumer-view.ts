import type { TrialStep } from '../broker/lease.js';
import type { ConsumerParts } from './consumer-parts.js';
import type { ConsumerView } from './next-step.js';

/** The present view of a consumer with these parts. Reserves places for what it may take, and lets its trial decide. */
export function viewOf(parts: ConsumerParts, isOverdue: boolean): ConsumerView {
  const { state, held, time, deliveries, membership, holdback } = parts;
  const hasLease = membership.tenure !== undefined;
  const mayCall = hasLease && !state.isExchanging;
  const trialStep = mayCall ? trialStepOf(parts) : undefined;
  const mayTake = mayCall && trialStep === undefined && !time.mustYield;
  const { hasSettlements } = held;
  return {
    phase: state.phase,
    isOverdue,
    hasLease,
    isExchanging: state.isExchanging,
    isWaiting: state.isWaiting,
    isPaused: state.isPaused,
    isHeldBack: holdback.isOn,
    mustAsk: holdback.mustAsk,
    running: held.running,
    hasSettlements,
    free: mayTake ? freeOf(parts) : 0,
    hasJustBegun: deliveries.hasJustBegun,
    mustLook: state.mustLook,
    mustRelease: time.mustRelease,
    mustYieldTime: time.mustYield,
    trialStep,
    isCalm: hasSettlements && parts.maySettleLater && state.isCalm,
  };
}

function trialStepOf({
  trial,
  held,
  deliveries,
  state,
  holdback,
}: ConsumerParts): TrialStep | undefined {
  if (trial.isIdle) return undefined;
  const isConsuming = state.isConsuming && !state.isPaused;
  const { isEmpty, hasPlace } = held;
  const { isTesting } = deliveries;
  return trial.step({ isConsuming, isEmpty, hasPlace, isTesting, isHeldBack: holdback.isOn });
}

/** Slots that an exchange may fill, without the one that a running wait may fill. */
function freeOf({ state, trial, held }: ConsumerParts): number {
  return state.isConsuming && !state.isWaiting && !trial.isOn ? held.reserve() : 0;
}
