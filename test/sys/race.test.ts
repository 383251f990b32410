import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { openRootDir, type RootDir } from '../../src/sys/index.ts';
import { projectRoot } from '../support/paths.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { bytes } from '../support/tree-edits.ts';
import { treeOfFolder } from '../support/tree.ts';

/** Exchanges two names of a folder as fast as it can, until killed. */
const exchanger = `
  const { addon } = await import('./src/sys/addon.ts');
  const folder = addon().openat2(-100, process.argv[1], 0, 0, 0);
  console.log('running');
  for (;;) addon().renameat2(folder, 'here', folder, 'link', 2);`;

const operations: Readonly<Record<string, (root: RootDir, round: number) => void>> = {
  'write and remove': (root, round) => {
    root.write(bytes(`here/file${round}`), Buffer.from('x'), 0o644);
    root.removeAll(bytes(`here/file${round}`));
  },
  'make directories and remove the tree': (root, round) => {
    root.mkdirAll(bytes(`here/a${round}/b`), { mode: 0o755, uid: 1, gid: 1 });
    root.removeAll(bytes(`here/a${round}`));
  },
  'change attributes': (root) => {
    root.chmod(bytes('here/inner'), 0o700);
    root.chown(bytes('here/inner'), 5, 5);
    root.setTimes(bytes('here/inner'), { seconds: 1 });
    root.setXattr(bytes('here/inner'), bytes('user.x'), bytes('y'));
  },
  'remove the name itself': (root) => {
    root.removeAll(bytes('here/inner'));
    root.mkdirAll(bytes('here/inner'), { mode: 0o755, uid: 0, gid: 0 });
  },
};

describe('while a process swaps a directory for a symlink to the host', () => {
  requires('root');

  for (const [name, operation] of Object.entries(operations)) {
    it(`S-40 S-41 no call reaches the host: ${name}`, async () => {
      const base = tempFolder('race').path;
      const [folder, host] = [join(base, 'root'), join(base, 'host')];
      mkdirSync(join(folder, 'here/inner'), { recursive: true });
      mkdirSync(join(host, 'inner'), { recursive: true });
      writeFileSync(join(host, 'inner/file'), 'HOST');
      symlinkSync(host, join(folder, 'link'));
      const before = await treeOfFolder(host, { times: true });
      const child = spawn(process.execPath, ['--input-type=module', '-e', exchanger, folder], {
        cwd: projectRoot,
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const outcomes = new Set<string>();
      try {
        await once(child.stdout, 'data');
        using root = openRootDir(folder);
        for (let round = 0; round < 20_000 && (round < 2000 || outcomes.size < 2); round++) {
          outcomes.add(attempt(() => operation(root, round)));
        }
      } finally {
        child.kill('SIGKILL');
        await once(child, 'close');
      }
      // Both the directory and the link were met.
      expect(outcomes).toContain('done');
      expect(outcomes.size).toBeGreaterThan(1);
      expect(await treeOfFolder(host, { times: true })).toEqual(before);
    });
  }
});

function attempt(work: () => void): string {
  try {
    work();
    return 'done';
  } catch (error) {
    if (error instanceof Error && 'code' in error) return String(error.code);
    throw error;
  }
}
