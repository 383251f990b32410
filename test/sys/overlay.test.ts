import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { mountOverlay, mountOverlayView, rootDirOf } from '../../src/sys/index.ts';
import { mountIds, newlyMounted } from '../support/mount-table.ts';
import { requires } from '../support/requires.ts';
import { runCommand, runOk } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { bytes } from '../support/tree-edits.ts';

function folders(...names: readonly string[]): string[] {
  const base = tempFolder('overlay').path;
  return names.map((name) => {
    mkdirSync(join(base, name));
    return join(base, name);
  });
}

describe('detached overlay mounts', () => {
  requires('overlay');

  it('merge, and write to the upper, without showing in a mount table', () => {
    const [top = '', bottom = '', upper = '', work = ''] = folders('top', 'bottom', 'upper', 'work');
    writeFileSync(join(top, 'file'), 'top');
    writeFileSync(join(bottom, 'file'), 'bottom');
    writeFileSync(join(bottom, 'other'), 'other');
    const before = mountIds();
    {
      using root = rootDirOf(mountOverlay({ lowers: [top, bottom], upper, work }));
      expect(root.list(bytes(''))).toEqual(['file', 'other']);
      expect(root.read(bytes('file'), 10).toString()).toBe('top');
      root.write(bytes('new'), Buffer.from('new'), 0o644);
      root.unlink(bytes('other'));
      expect(newlyMounted(before, root.fd)).toBe(0);
    }
    expect(readdirSync(upper)).toEqual(['new', 'other']);
    expect(existsSync(join(bottom, 'other'))).toBe(true);
  });

  it('a directory of the lowers cannot be renamed, and a copied-up file holds its content', () => {
    const [lower = '', upper = '', work = ''] = folders('lower', 'upper', 'work');
    mkdirSync(join(lower, 'directory'));
    writeFileSync(join(lower, 'file'), 'content');
    using root = rootDirOf(mountOverlay({ lowers: [lower], upper, work }));
    // With the host's redirect_dir or metacopy the upper would only point at what it holds.
    expect(() => root.rename(bytes('directory'), bytes('moved'))).toThrow('EXDEV');
    root.chmod(bytes('file'), 0o600);
    expect(readFileSync(join(upper, 'file'), 'utf8')).toBe('content');
  });

  it('S-72 is an error where the kernel would make it read-only, for want of a work folder', async ({
    skip,
  }) => {
    requires('root', 'sound-disk', 'tool:chattr');
    const [lower = '', upper = '', work = ''] = folders('lower', 'upper', 'work');
    // As on a disk that is full, nothing can be made in it.
    const { status } = await runCommand(['chattr', '+i', work]);
    skip(status !== 0, 'files cannot be made immutable here');
    try {
      const mount = (): number => mountOverlay({ lowers: [lower], upper, work });
      expect(mount).toThrow(/EPERM: .* mkdir '.*work/);
    } finally {
      await runOk(['chattr', '-i', work]);
    }
  });

  it('a view cannot be written', () => {
    const [top = '', bottom = ''] = folders('top', 'bottom');
    writeFileSync(join(top, 'file'), 'top');
    using root = rootDirOf(mountOverlayView([top, bottom]));
    expect(() => root.unlink(bytes('file'))).toThrow('EROFS');
    expect(() => root.mkdir(bytes('new'), 0o755)).toThrow('EROFS');
  });

  it('take many layers, and paths with characters that mount options give a meaning', () => {
    const names = Array.from(
      { length: 300 },
      (_, i) => `layer ${i}:,\\ of a name longer than ${'x'.repeat(200)}`,
    );
    const layers = folders(...names);
    layers.forEach((layer, i) => writeFileSync(join(layer, `file${i}`), ''));
    using root = rootDirOf(mountOverlayView(layers));
    expect(root.list(bytes(''))).toHaveLength(300);
  });

  it('a work folder is good for one volatile mount, and a missing folder is an error', () => {
    const [lower = '', upper = '', work = ''] = folders('lower', 'upper', 'work');
    rootDirOf(mountOverlay({ lowers: [lower], upper, work }))[Symbol.dispose]();
    expect(() => mountOverlay({ lowers: [lower], upper, work })).toThrow('EINVAL');
    const open = readdirSync('/proc/self/fd').length;
    expect(() => mountOverlayView([lower, join(lower, 'none')])).toThrow('ENOENT');
    expect(readdirSync('/proc/self/fd')).toHaveLength(open);
  });
});
