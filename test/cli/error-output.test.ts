import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';

/** More than the pipe and the stream of its reader hold. */
const lines = 40_000;
const script = `
  const { writeToStderr } = await import('./src/cli/error-output.ts');
  for (let line = 0; line < ${lines}; line++) writeToStderr(String(line).padEnd(99, '.') + '\\n');
  setTimeout(() => console.log('awake'));`;

describe('what is written to standard error', () => {
  it('does not stop a command whose reader has stopped, and comes whole and in order', async () => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [first] = (await once(child.stdout, 'data')) as [Buffer];
    expect(first.toString()).toBe('awake\n');
    const read: string[] = [];
    child.stderr.setEncoding('latin1').on('data', (text: string) => read.push(text));
    expect(await once(child, 'close')).toEqual([0, null]);
    const numbers = read
      .join('')
      .trimEnd()
      .split('\n')
      .map((line) => Number.parseInt(line, 10));
    expect(numbers).toEqual(Array.from({ length: lines }, (_, line) => line));
  });
});
