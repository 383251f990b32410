import { addAbortSignal } from 'node:stream';

import { TsbuildError } from '../../core/index.ts';
import type { InputOptions } from './types.ts';

/**
 * The bytes of standard input, for what `wanted` says. Throws USAGE where nobody can have put anything into it: a
 * person at a terminal would wait for the build, and the build for the person.
 */
export async function* standardInput(
  { stdin = process.stdin, signal }: Pick<InputOptions, 'stdin' | 'signal'>,
  { wanted, example }: { readonly wanted: string; readonly example: string },
): AsyncGenerator<Uint8Array, void, undefined> {
  if (stdin.isTTY === true) {
    throw new TsbuildError('USAGE', `${wanted} is to come from standard input, which is a terminal`, {
      hint: `redirect it: ${example}`,
    });
  }
  addAbortSignal(signal, stdin);
  try {
    for await (const chunk of stdin) yield chunk as Uint8Array;
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}
