/**
 * Compares what wirestack and Node made of the same octets, step by step: a step is a request, or
 * the end of all requests. What counts is the first step in which they part: beyond it one of them
 * has stopped, or reads something else.
 */
import { Buffer } from 'node:buffer';
import { send, type Outcome, type Seen } from './http1-driver.ts';
import { nodeOutcomes, type NodeOutcome, type NodeRequest } from './node-oracle.ts';

/** What one of the two made of a connection at the same point. */
export type Step =
  | { readonly kind: 'request'; readonly request: Seen | NodeRequest }
  /** No request, or one that broke off: its head was well, its content was not. */
  | { readonly kind: 'refused'; readonly why: string; readonly request?: Seen | NodeRequest }
  /** All octets were read, and another request could have followed; or none was wanted. */
  | { readonly kind: 'end' };

export interface Parting {
  readonly input: string;
  /** The last request that both read alike, as Node has it. */
  readonly before: NodeRequest | undefined;
  readonly ours: Step;
  readonly nodes: Step;
}

/** The first step in which two outcomes part; undefined: they agree. */
export function parting(input: string, ours: Outcome, nodes: NodeOutcome): Parting | undefined {
  for (let index = 0; ; index++) {
    const our = stepOf(ours.requests[index], ours.refused[0] ?? '');
    const node = nodeStep(nodes, index);
    const part = { input, before: nodes.requests[index - 1], ours: our, nodes: node };
    if (our.kind !== node.kind) return part;
    if (our.kind !== 'request' || node.kind !== 'request') return undefined;
    if (show(our.request) !== show(node.request)) return part;
  }
}

function stepOf(request: Seen | NodeRequest | undefined, why: string): Step {
  if (request?.whole === true) return { kind: 'request', request };
  if (request !== undefined) return { kind: 'refused', why, request };
  return why === '' ? { kind: 'end' } : { kind: 'refused', why };
}

function nodeStep({ requests, error }: NodeOutcome, index: number): Step {
  const request = requests[index];
  const status = request?.refused ?? 0;
  return status === 0 ? stepOf(request, error) : { kind: 'refused', why: `status ${status}` };
}

/** A request as text, but for what only one of the two tells. */
export function show(request: Seen | NodeRequest): string {
  const { method, target, fields, body, trailers } = request;
  return JSON.stringify([method, target, fields, body, trailers]);
}

/** Runs both on each input. Returns the partings. */
export async function partings(inputs: readonly string[]): Promise<Parting[]> {
  const nodes = await nodeOutcomes(inputs);
  const found: Parting[] = [];
  for (const [index, input] of inputs.entries()) {
    const ours = await send(Buffer.from(input, 'latin1'), { plain: true });
    const part = parting(input, ours, nodes[index] as NodeOutcome);
    if (part !== undefined) found.push(part);
  }
  return found;
}

/** A parting for people. */
export function describeParting({ input, ours, nodes }: Parting): string {
  const describe = (step: Step): string => {
    const request = step.kind === 'end' || step.request === undefined ? '' : show(step.request);
    return `${step.kind} ${step.kind === 'refused' ? `(${step.why}) ` : ''}${request}`;
  };
  return `input: ${JSON.stringify(input)}\nours:  ${describe(ours)}\nnode:  ${describe(nodes)}`;
}
