import { lstatSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';

import { projectRoot } from '../support/paths.ts';
import { requires } from '../support/requires.ts';
import { runOk } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';

/** What fails differently, or takes another way, where the kernel is older. */
const script = `
  const { openRootDir } = await import('./src/sys/index.ts');
  using root = openRootDir(process.argv[1]);
  root.setXattr('file', 'user.x', 'y'.repeat(1000));
  root.setXattr('file', 'user.gone', '');
  root.removeXattr('file', 'user.gone');
  root.setXattr('link', 'trusted.on', 'link');
  root.chmod('file', 0o4711);
  root.chmod('link', 0o600);
  root.chmod('directory/..', 0o750);
  let missing = '';
  try { root.chmod('none', 0o600); } catch (error) { missing = error.code; }
  console.log(JSON.stringify({
    missing,
    file: root.listXattrs('file'),
    value: root.getXattr('file', 'user.x').length,
    none: String(root.getXattr('file', 'user.gone')),
    link: root.listXattrs('link'),
    top: root.listXattrs('.'),
  }));`;

function tree(): string {
  const { path } = tempFolder('addon');
  writeFileSync(join(path, 'file'), '');
  mkdirSync(join(path, 'directory'));
  symlinkSync('file', join(path, 'link'));
  return path;
}

describe('the addon', () => {
  requires('root', 'tool:cc');

  for (const [name, errno] of [
    ['older kernel (ENOSYS)', '38'],
    ['container engine that knows less (EPERM)', '1'],
  ] as const) {
    it(`does without the calls that are missing on an ${name}`, async () => {
      const program = join(tempFolder('filter').path, 'without-calls');
      await runOk(['cc', '-o', program, join(projectRoot, 'test/support/without-calls.c')]);
      const node = [process.execPath, '--input-type=module', '-e', script];
      const [old, now] = [tree(), tree()];
      const before = await runOk([program, errno, ...node, old], { cwd: projectRoot });
      const after = await runOk([...node, now], { cwd: projectRoot });
      expect(before).toBe(after);
      expect(JSON.parse(after)).toEqual({
        missing: 'ENOENT',
        file: ['user.x'],
        value: 1000,
        none: 'undefined',
        link: ['trusted.on'],
        top: [],
      });
      for (const folder of [old, now]) {
        const modes = ['file', 'link', '.'].map((at) => lstatSync(join(folder, at)).mode & 0o7777);
        expect(modes).toEqual([0o4711, 0o777, 0o750]);
      }
    });
  }

  it('works in several threads at once, each with numbers of its own', async () => {
    const { path } = tempFolder('threads');
    for (let i = 0; i < 4; i++) writeFileSync(join(path, `f${i}`), 'x'.repeat(i));
    const body = `
      const { parentPort, workerData } = require('node:worker_threads');
      import(workerData.module).then(({ openRootDir }) => {
        const root = openRootDir(workerData.path);
        let wrong = 0;
        for (let i = 0; i < 20000; i++) if (root.lstat('f' + workerData.i).size !== workerData.i) wrong++;
        root[Symbol.dispose]();
        parentPort.postMessage(wrong);
      });`;
    const module = join(projectRoot, 'src/sys/index.ts');
    const answers = [0, 1, 2, 3].map(
      (i) =>
        new Promise((resolve, reject) => {
          const worker = new Worker(body, { eval: true, workerData: { path, i, module } });
          worker.once('message', resolve);
          worker.once('error', reject);
        }),
    );
    expect(await Promise.all(answers)).toEqual([0, 0, 0, 0]);
  });
});
