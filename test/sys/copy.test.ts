import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { copyContent, openPidfd, reflink, signalPidfd, syncFileSystem } from '../../src/sys/index.ts';
import { tempFolder } from '../support/temp-folder.ts';

describe('copies inside the kernel', () => {
  it('a file’s content, be it empty or not, arrives whole', () => {
    const { path } = tempFolder('copy');
    for (const content of [Buffer.alloc(0), Buffer.from('x'), Buffer.alloc(3_000_000, 'abc')]) {
      writeFileSync(join(path, 'from'), content);
      const [from, to] = [openSync(join(path, 'from'), 'r'), openSync(join(path, 'to'), 'w')];
      const copied = copyContent(from, to);
      closeSync(from);
      closeSync(to);
      expect(copied).toBe(true);
      expect(readFileSync(join(path, 'to')).equals(content)).toBe(true);
    }
  });

  it('says no where the files cannot share or copy', () => {
    const { path } = tempFolder('copy');
    writeFileSync(join(path, 'from'), 'x');
    const [from, to] = [openSync('/dev/null', 'r'), openSync(join(path, 'to'), 'w')];
    expect(reflink(from, to)).toBe(false);
    expect(copyContent(from, to)).toBe(false);
    closeSync(from);
    closeSync(to);
  });

  it('a file system is synced by any path of it', () => {
    syncFileSystem(tempFolder('sync').path);
    expect(() => syncFileSystem('/no/such/path')).toThrow('ENOENT');
  });
});

describe('process descriptors', () => {
  it('reach the process, and say when it is gone', () => {
    const fd = openPidfd(process.pid);
    if (fd === undefined) throw new Error('this process has no descriptor');
    expect(signalPidfd(fd, 0)).toBe(true);
    closeSync(fd);
    // The largest pid there can be is one below this.
    expect(openPidfd(2 ** 22)).toBeUndefined();
  });
});
