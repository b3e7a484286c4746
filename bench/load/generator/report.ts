/** What the process of a load is told, and what it tells. */
import type { Target } from './client.ts';

export interface LoadJob extends Target {
  /** 0: the connections are opened, and held. */
  readonly measuredMs: number;
}

export type LoadReport =
  | { readonly stage: 'open' }
  | { readonly stage: 'begin' }
  | { readonly stage: 'end'; readonly items: number; readonly ms: number }
  | { readonly stage: 'failed'; readonly message: string };
