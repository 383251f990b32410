import { linkSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { DiskMeter } from '../../src/store/index.ts';
import { runOk } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';

async function du(path: string): Promise<number> {
  return Number((await runOk(['du', '-s', '--block-size=1', path])).split('\t')[0]);
}

describe('C-75 what a tree takes of the disk', () => {
  it('is what du says: blocks, folders, holes and hard links as the disk has them', async () => {
    using folder = tempFolder('disk-use', { remove: true });
    const { path } = folder;
    mkdirSync(join(path, 'a/b'), { recursive: true });
    writeFileSync(join(path, 'a/large'), Buffer.alloc(300_000, 1));
    writeFileSync(join(path, 'a/b/one byte'), 'x');
    linkSync(join(path, 'a/large'), join(path, 'a/b/again'));
    writeFileSync(join(path, 'hole'), '');
    truncateSync(join(path, 'hole'), 50_000_000);
    symlinkSync('/usr', join(path, 'out'));
    writeFileSync(Buffer.concat([Buffer.from(`${path}/`), Buffer.from([0xff, 0xfe, 0x0a])]), 'not UTF-8');
    expect(new DiskMeter().measure(path).bytes).toBe(await du(path));
  });

  it('goes deeper than a path can be long', async () => {
    using folder = tempFolder('disk-use-deep');
    const script =
      'import os,sys\nos.chdir(sys.argv[1])\nfor i in range(40):\n  os.mkdir("d"*200)\n  os.chdir("d"*200)\nopen("f","w").write("x"*9000)';
    await runOk(['python3', '-c', script, folder.path]);
    expect(new DiskMeter().measure(folder.path).bytes).toBe(await du(folder.path));
  });

  it('counts an inode once for a whole meter, and nothing for what is not there', () => {
    using folder = tempFolder('disk-use-links', { remove: true });
    const [one, two] = [join(folder.path, 'one'), join(folder.path, 'two')];
    writeFileSync(one, Buffer.alloc(20_000, 1));
    linkSync(one, two);
    const meter = new DiskMeter();
    expect(meter.measure(one).bytes).toBeGreaterThanOrEqual(20_000);
    expect(meter.measure(two).bytes).toBe(0);
    expect(meter.measure(join(folder.path, 'three'))).toEqual({ bytes: 0, newest: 0 });
  });
});
