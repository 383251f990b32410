import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';

import { flock, isUnlocked, tryFlock } from '../../src/sys/index.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';

function lockPath(): string {
  return join(tempFolder('lock').path, 'lock');
}

describe('flock', () => {
  it('is held once, and names its holder', () => {
    const path = lockPath();
    const first = tryFlock(path);
    expect(first).toBeDefined();
    expect(tryFlock(path)).toBeUndefined();
    expect(readFileSync(path, 'utf8')).toBe(`${process.pid}\n`);
    first?.release();
    first?.release();
    const second = tryFlock(path);
    expect(second).toBeDefined();
    second?.release();
  });

  it('does not follow a symlink, whose file it would empty', () => {
    const path = lockPath();
    writeFileSync(`${path}.other`, 'kept');
    symlinkSync(`${path}.other`, path);
    expect(() => tryFlock(path)).toThrow(expect.objectContaining({ code: 'ELOOP' }));
    expect(readFileSync(`${path}.other`, 'utf8')).toBe('kept');
  });

  it('is looked at without making its file', () => {
    const path = lockPath();
    expect(isUnlocked(path)).toBe(false);
    expect(existsSync(path)).toBe(false);
    const lock = tryFlock(path);
    expect(isUnlocked(path)).toBe(false);
    lock?.release();
    expect(isUnlocked(path)).toBe(true);
    expect(isUnlocked(path)).toBe(true);
  });

  it('is waited for, telling once for whom, while the event loop turns', async () => {
    const path = lockPath();
    const first = tryFlock(path);
    const told: string[] = [];
    let turns = 0;
    const ticker = setInterval(() => turns++, 5);
    const waiting = flock(path, { onWait: (holder) => told.push(holder) });
    while (turns < 20) await sleep(5);
    expect(told).toEqual([String(process.pid)]);
    first?.release();
    (await waiting).release();
    clearInterval(ticker);
    expect(told).toHaveLength(1);
  });

  it('can be given up waiting for', async () => {
    const path = lockPath();
    const first = tryFlock(path);
    const abort = new AbortController();
    const waiting = flock(path, { signal: abort.signal });
    abort.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'INTERRUPTED' });
    first?.release();
    await expect(flock(path, { signal: abort.signal })).rejects.toMatchObject({ code: 'INTERRUPTED' });
    const again = tryFlock(path);
    expect(again).toBeDefined();
    again?.release();
  });

  it('is freed by the death of its holder, however it dies', async () => {
    requires('tool:flock');
    const path = lockPath();
    const holder = spawn('flock', [path, 'sh', '-c', 'echo held; exec sleep 1000']);
    await once(holder.stdout, 'data');
    expect(tryFlock(path)).toBeUndefined();
    const waiting = flock(path);
    // The lock is inherited by what flock(1) runs, so both must die.
    const children = readFileSync(`/proc/${holder.pid ?? 0}/task/${holder.pid ?? 0}/children`, 'utf8');
    for (const pid of children.trim().split(' ')) process.kill(Number(pid), 'SIGKILL');
    holder.kill('SIGKILL');
    (await waiting).release();
  });

  it('is not inherited by children', async () => {
    const path = lockPath();
    const lock = tryFlock(path);
    const child = spawn('sleep', ['1000']);
    lock?.release();
    const again = tryFlock(path);
    expect(again).toBeDefined();
    again?.release();
    child.kill('SIGKILL');
  });
});
