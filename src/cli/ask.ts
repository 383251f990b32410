import { TsbuildError } from '../core/index.ts';

export interface Asking {
  /** Nothing of the answer is shown, not even its length. */
  readonly hidden: boolean;
  readonly signal: AbortSignal;
}

/** Characters. */
const maxAnswer = 16 * 1024;

/**
 * Asks on the terminal of standard input; the question goes to standard error. Throws INTERRUPTED on Ctrl-C, and on
 * Ctrl-D where nothing was typed. The terminal is in its first mode again in any case.
 */
export async function askOnTerminal(question: string, { hidden, signal }: Asking): Promise<string> {
  const { stdin, stderr } = process;
  signal.throwIfAborted();
  // The terminal's own line editing would show what is typed.
  stdin.setRawMode(true);
  const done = new AbortController();
  const ended = AbortSignal.any([signal, done.signal]);
  try {
    stderr.write(question);
    return await new Promise<string>((resolve, reject) => {
      const decoder = new TextDecoder();
      let line: readonly string[] = [];
      const onData = (chunk: Buffer): void => {
        for (const character of decoder.decode(chunk, { stream: true })) {
          const next = typed(line, character);
          if (next === 'line') {
            resolve(line.join(''));
            return;
          }
          if (next === 'stop') {
            reject(new TsbuildError('INTERRUPTED', 'nothing was entered'));
            return;
          }
          if (!hidden) stderr.write(echoOf(line, next));
          line = next;
        }
      };
      // A terminal that is gone neither answers nor ends the process by itself.
      const onGone = (): void => reject(new TsbuildError('INTERRUPTED', 'nothing was entered'));
      stdin.on('data', onData).on('end', onGone).on('error', onGone);
      ended.addEventListener('abort', () => {
        stdin.off('data', onData).off('end', onGone).off('error', onGone);
        reject(ended.reason as Error);
      });
      stdin.resume();
    });
  } finally {
    done.abort();
    stdin.pause();
    stdin.setRawMode(false);
    stderr.write('\n');
  }
}

/** The line after a key, or how it ended. */
function typed(line: readonly string[], character: string): readonly string[] | 'line' | 'stop' {
  switch (character) {
    case '\r':
    case '\n':
      return 'line';
    case '\u0003':
      return 'stop';
    case '\u0004':
      return line.length === 0 ? 'stop' : line;
    case '\u007f':
    case '\b':
      return line.slice(0, -1);
    case '\u0015':
      return [];
  }
  // Other control characters are keys that edit; they are no part of a name or a password.
  return character < ' ' || line.length >= maxAnswer ? line : [...line, character];
}

function echoOf(before: readonly string[], after: readonly string[]): string {
  if (after.length > before.length) return after.at(-1) ?? '';
  return '\b \b'.repeat(before.length - after.length);
}
