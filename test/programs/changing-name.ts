import { knowChangingName } from '../support/changing-name.js';
import type { ConsumerSettings } from '../support/consumer-process.js';

/** Loaded into a process before its program (`node --import`): it knows a name whose address a test changes. */
const settings = JSON.parse(process.argv[2] ?? '') as ConsumerSettings; // from ConsumerProcess
knowChangingName(settings.addressFile ?? '');
