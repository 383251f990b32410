import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { overlaySnapshotter } from '../../src/snapshot/index.ts';
import { requires } from '../support/requires.ts';
import { changesOf, snapshotOf, snapshotterSuite } from '../support/snapshotter-suite.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { bytes, changeLine } from '../support/tree-edits.ts';

describe('overlay', () => {
  requires('overlay');

  // O-35 O-36 O-38 S-76: the table and the cases are the suite's.
  snapshotterSuite('overlay snapshots (O-35 O-36 O-38 S-76)', overlaySnapshotter);

  const folder = (): string => join(tempFolder('snapshots').path, 'snapshots');

  it('a committed snapshot is its difference and its mark, nothing else', async () => {
    const path = folder();
    const snapshotter = overlaySnapshotter(path);
    const { id } = await snapshotOf(snapshotter, undefined, ['file f 0644 x']);
    expect(readdirSync(join(path, id)).sort()).toEqual(['fs', 'snapshot.json']);
    expect(readdirSync(join(path, id, 'fs'))).toEqual(['f']);
  });

  it('more layers than the kernel stacks are refused in words, where as many as it stacks are not', async () => {
    const snapshotter = overlaySnapshotter(folder());
    const { id } = await snapshotOf(snapshotter, undefined, ['file f 0644 x']);
    const chain = Array.from({ length: 499 }, () => id);
    expect(snapshotter.lowers({ id, chain })).toHaveLength(499);
    const tooMany = { id, chain: [...chain, id] };
    const refused = { code: 'HOST_UNSUPPORTED', message: expect.stringContaining('500 layers') as string };
    expect(() => snapshotter.lowers(tooMany)).toThrow(expect.objectContaining(refused) as Error);
    await expect(snapshotter.view(tooMany)).rejects.toMatchObject(refused);
    await expect(snapshotter.prepare(tooMany)).rejects.toMatchObject(refused);
    expect(await snapshotter.sweep()).toBe(0);
  });

  it('what killed processes left is swept, what lives or is committed is not', async () => {
    const path = folder();
    const snapshotter = overlaySnapshotter(path);
    const committed = await snapshotOf(snapshotter, undefined, ['file f 0644 x']);
    await using living = await snapshotter.prepare(undefined);
    const script = `
      const { overlaySnapshotter } = await import('./src/snapshot/index.ts');
      const active = await overlaySnapshotter(${JSON.stringify(path)}).prepare(undefined);
      const mounted = await active.mount();
      mounted.root.mkdir('left', 0o755);
      console.log(active.id);
      setInterval(() => undefined, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const left = line.toString().trim();
    expect(await snapshotter.sweep()).toBe(0);
    child.kill('SIGKILL');
    await once(child, 'close');

    expect(readdirSync(join(path, left, 'fs'))).toEqual(['left']);
    expect(await snapshotter.sweep()).toBe(1);
    expect(existsSync(join(path, left))).toBe(false);
    expect(existsSync(join(path, living.id))).toBe(true);
    expect(await snapshotter.exists(committed.id)).toBe(true);
    expect(await snapshotter.sweep()).toBe(0);
  });

  it('a folder without mark, or with half a one, is swept and does not exist', async () => {
    const path = folder();
    const snapshotter = overlaySnapshotter(path);
    const snapshot = await snapshotOf(snapshotter, undefined, []);
    writeFileSync(join(path, snapshot.id, 'snapshot.json'), '{"vers');
    expect(await snapshotter.exists(snapshot.id)).toBe(false);
    mkdirSync(join(path, 'abcdefghij'));
    mkdirSync(join(path, 'not an id'));
    expect(await snapshotter.sweep()).toBe(2);
    expect(readdirSync(path).filter((name) => !name.startsWith('.'))).toEqual(['not an id']);
  });

  it('S-43 an id that is none reaches no path', async () => {
    const path = folder();
    const snapshotter = overlaySnapshotter(path);
    const { id } = await snapshotOf(snapshotter, undefined, []);
    renameSync(join(path, id), `${path}-outside`);
    const evil = '../snapshots-outside' as typeof id;
    expect(await snapshotter.exists(evil)).toBe(false);
    await expect(snapshotter.remove(evil)).rejects.toThrow(/not a snapshot id/);
    await expect(snapshotter.view({ id: evil, chain: [evil] })).rejects.toThrow(/not a snapshot id/);
    expect(existsSync(`${path}-outside/snapshot.json`)).toBe(true);
  });

  it('sockets are left out, what they replaced is removed', async () => {
    const path = folder();
    const snapshotter = overlaySnapshotter(path);
    const base = await snapshotOf(snapshotter, undefined, ['file was 0644 x']);
    await using active = await snapshotter.prepare(base);
    {
      await using mounted = await active.mount();
      mounted.root.unlink(bytes('was'));
      for (const name of ['was', 'new']) {
        const server = createServer().listen(`/proc/self/fd/${mounted.root.fd}/${name}`);
        await once(server, 'listening');
        // Closing the server would remove its file.
        mounted.root.rename(bytes(name), bytes(`${name}.kept`));
        server.close();
        await once(server, 'close');
        mounted.root.rename(bytes(`${name}.kept`), bytes(name));
      }
      expect(mounted.root.list(bytes(''))).toEqual(['new', 'was']);
    }
    const snapshot = await active.commit();
    expect((await changesOf(snapshotter, snapshot)).map(changeLine)).toEqual(['rm was']);
  });

  it('a chain of many layers mounts and tells its last change', async () => {
    const snapshotter = overlaySnapshotter(folder());
    let top = await snapshotOf(snapshotter, undefined, ['dir d 0755']);
    for (let i = 0; i < 130; i++) top = await snapshotOf(snapshotter, top, [`file d/f${i} 0644`]);
    top = await snapshotOf(snapshotter, top, ['rm d/f7']);
    expect((await changesOf(snapshotter, top)).map(changeLine)).toEqual(['dir d 755 0:0', 'rm d/f7']);
    await using view = await snapshotter.view(top);
    expect(view.root.list(bytes('d'))).toHaveLength(129);
  });

  it('a vanished layer is a clear error', async () => {
    const path = folder();
    const snapshotter = overlaySnapshotter(path);
    const base = await snapshotOf(snapshotter, undefined, []);
    const next = await snapshotOf(snapshotter, base, []);
    await snapshotter.remove(base.id);
    await expect(snapshotter.view(next)).rejects.toMatchObject({ code: 'IO_ERROR' });
    await expect(snapshotter.prepare(next).then((active) => active.mount())).rejects.toThrow(
      /ENOENT|no such file/i,
    );
  });

  it('the umask does not show', async () => {
    const mask = process.umask(0o077);
    try {
      const path = folder();
      const snapshotter = overlaySnapshotter(path);
      chmodSync(join(path, '..'), 0o755);
      const snapshot = await snapshotOf(snapshotter, undefined, ['dir d 0755', 'file f 0644']);
      await using view = await snapshotter.view(snapshot);
      expect(view.root.lstat(bytes('/')).mode).toBe(0o755);
      await using empty = await snapshotter.view(undefined);
      expect(empty.root.lstat(bytes('/')).mode).toBe(0o755);
    } finally {
      process.umask(mask);
    }
  });
});
