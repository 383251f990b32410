import { readdirSync } from 'node:fs';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';

import { filterThrough, runTool } from '../../src/sys/index.ts';
import { requires } from '../support/requires.ts';

async function* pieces(...texts: readonly string[]): AsyncGenerator<Buffer> {
  for (const text of texts) yield Buffer.from(text);
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<string> {
  return Buffer.concat(await Readable.from(source).toArray()).toString();
}

describe('runTool', () => {
  it('gives status, output and the end of what was said', async () => {
    const result = await runTool(['sh', '-c', 'cat; echo said >&2; exit 3'], { input: 'in' });
    expect(result).toEqual({ status: 3, stdout: Buffer.from('in'), stderr: 'said\n' });
    expect((await runTool(['sh', '-c', 'kill -9 $$'])).status).toBe(137);
    expect((await runTool(['true'], { input: Buffer.alloc(1_000_000) })).status).toBe(0);
  });

  it('bounds what it takes', async () => {
    await expect(runTool(['yes'], { limit: 1000 })).rejects.toMatchObject({ code: 'IO_ERROR' });
    const { stderr } = await runTool(['sh', '-c', 'yes | head -c 100000 >&2; echo last >&2']);
    expect(stderr.length).toBeLessThan(20_000);
    expect(stderr).toMatch(/last\n$/);
  });

  it('says that a program is missing, and kills on abort', async () => {
    await expect(runTool(['no-such-program'])).rejects.toMatchObject({ code: 'HOST_UNSUPPORTED' });
    const abort = new AbortController();
    const running = runTool(['sleep', '1000'], { signal: abort.signal });
    abort.abort();
    await expect(running).rejects.toMatchObject({ code: 'INTERRUPTED' });
    await expect(runTool(['true'], { signal: abort.signal })).rejects.toMatchObject({ code: 'INTERRUPTED' });
  });
});

describe('runTool with a session', () => {
  it('ends what the program started as well', async () => {
    const interrupt = new AbortController();
    // Without the session the sleeper would hold the output open, and the call would wait for it.
    const running = runTool(['sh', '-c', 'sleep 1000 & echo $$; wait'], {
      session: true,
      signal: interrupt.signal,
    });
    setTimeout(() => interrupt.abort(), 50);
    await expect(running).rejects.toMatchObject({ code: 'INTERRUPTED' });
  });

  it('has no terminal and a group of its own', async () => {
    const { stdout } = await runTool(['sh', '-c', 'echo $$ $(ps -o sid= -p $$)'], { session: true });
    const [pid, session] = stdout.toString().trim().split(/\s+/);
    expect(session).toBe(pid);
  });
});

describe('filterThrough', () => {
  it('streams both ways', async () => {
    requires('tool:xz');
    const text = 'x'.repeat(3_000_000);
    const packed = filterThrough(['xz', '-c'], pieces(text, text));
    expect(await collect(filterThrough(['xz', '-dc'], packed))).toBe(text + text);
  });

  it('fails as the program fails, with what it said', async () => {
    const failing = collect(filterThrough(['sh', '-c', 'cat >/dev/null; echo why >&2; exit 7'], pieces('x')));
    await expect(failing).rejects.toThrow(/status 7: why/);
    await expect(collect(filterThrough(['no-such-program'], pieces('x')))).rejects.toMatchObject({
      code: 'HOST_UNSUPPORTED',
    });
  });

  it('fails as the source fails', async () => {
    async function* broken(): AsyncGenerator<Buffer> {
      yield Buffer.from('x');
      throw new Error('the source broke');
    }
    await expect(collect(filterThrough(['cat'], broken()))).rejects.toThrow('the source broke');
  });

  it('a program that reads only part of its input may succeed', async () => {
    const zeros = async function* (): AsyncGenerator<Buffer> {
      for (let i = 0; i < 1000; i++) yield Buffer.alloc(10_000);
    };
    expect(await collect(filterThrough(['head', '-c', '5'], zeros()))).toHaveLength(5);
  });

  it('kills the program when the consumer stops', async () => {
    const descriptors = (): number =>
      readdirSync('/proc/self/task').flatMap((task) => readdirSync(`/proc/self/task/${task}/fd`)).length;
    const before = descriptors();
    for await (const chunk of filterThrough(['yes'], pieces(''))) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
    expect(descriptors()).toBe(before);
  });
});
