import type { Logger } from '../logging.ts';

/** Where there is no Node: the console, whose `debug` lines browsers hide until asked. */
export function createDefaultLogger(): Logger {
  return console;
}
