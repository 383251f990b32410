import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { memoryFile } from '../../src/ops/memory-file.ts';
import { projectRoot } from '../support/paths.ts';
import { requires } from '../support/requires.ts';

describe('a file in memory', () => {
  it('S-62 is for its owner alone, and gone when disposed', () => {
    const file = memoryFile(Buffer.from('secret'));
    expect(readFileSync(file.path, 'latin1')).toBe('secret');
    expect(statSync(file.path).mode & 0o777).toBe(0o400);
    expect(statSync(dirname(file.path)).mode & 0o777).toBe(0o700);
    file[Symbol.dispose]();
    expect(existsSync(dirname(file.path))).toBe(false);
  });

  it('S-62 S-70 is removed by the next one when its process was killed, and only then', async () => {
    const script = `
      const { memoryFile } = await import(${JSON.stringify(join(projectRoot, 'src/ops/memory-file.ts'))});
      console.log(memoryFile(Buffer.from('left')).path);
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [said] = (await once(child.stdout, 'data')) as [Buffer];
    const path = said.toString().trim();
    {
      using _other = memoryFile(Buffer.from('x'));
      expect(readFileSync(path, 'latin1')).toBe('left');
    }
    child.kill('SIGKILL');
    await once(child, 'exit');
    using _next = memoryFile(Buffer.from('x'));
    expect(existsSync(dirname(path))).toBe(false);
  });

  it('leaves alone what has such a name and is somebody else’s', () => {
    requires('root');
    const foreign = '/dev/shm/tsbuild-0-0123456789abcdef';
    mkdirSync(foreign);
    chownSync(foreign, 12345, 12345);
    try {
      using _file = memoryFile(Buffer.from('x'));
      expect(existsSync(foreign)).toBe(true);
    } finally {
      rmSync(foreign, { recursive: true });
    }
  });
});
