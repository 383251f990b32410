import { createInterface } from 'node:readline/promises';

/** Asked only where somebody can answer: a script means what it says. */
export async function isConfirmed(what: string, force: boolean | undefined): Promise<boolean> {
  if (force === true || !process.stdin.isTTY || !process.stdout.isTTY) return true;
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    const answer = await terminal.question(`${what}\nAre you sure you want to continue? [y/N] `);
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    terminal.close();
  }
}
