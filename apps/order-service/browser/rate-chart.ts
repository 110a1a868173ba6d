import { byId, formatCount, setText } from './elements.js';

/** One look a second, for a minute. The same as the width in the page. */
const LOOKS = 60;
const HEIGHT = 20;

/** The rates of the last minute as two lines. */
export class RateChart {
  #placed: readonly number[] = [];
  #told: readonly number[] = [];

  add(placed: number, told: number): void {
    this.#placed = [...this.#placed, placed].slice(-LOOKS);
    this.#told = [...this.#told, told].slice(-LOOKS);
    setText(byId('placed-rate'), perSecond(placed));
    setText(byId('told-rate'), perSecond(told));
    const top = Math.max(1, ...this.#placed, ...this.#told);
    line('placed').setAttribute('points', pointsOf(this.#placed, top));
    line('told').setAttribute('points', pointsOf(this.#told, top));
  }
}

function perSecond(rate: number): string {
  return `${formatCount(Math.round(rate))} / s`;
}

function line(name: string): Element {
  const found = byId('chart', SVGSVGElement).querySelector(`polyline.${name}`);
  if (found === null) throw new Error(`the chart has no line ${name}`);
  return found;
}

/** The newest at the right. */
function pointsOf(rates: readonly number[], top: number): string {
  const left = LOOKS - rates.length;
  return rates
    .map(
      (rate, index) => `${left + index + 1},${(HEIGHT - (rate / top) * (HEIGHT - 1)).toFixed(2)}`,
    )
    .join(' ');
}
