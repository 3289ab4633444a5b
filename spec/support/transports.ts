import { background, type Context } from '../../lib/index.ts';
import { undiciFetch } from '../../lib/http/undici/index.ts';
import { type Fault, faults } from './faults.ts';

/** What carries requests, and what comes of the faults over it. */
export interface Transport {
  readonly name: string;
  readonly ctx: Context;
  /** The common table, with other rows where this transport must differ. */
  readonly faults: Readonly<Record<string, Fault>>;
}

export const transports: readonly Transport[] = [
  { name: 'the global fetch', ctx: background, faults },
  { name: 'undici', ctx: { fetch: undiciFetch() }, faults },
];
