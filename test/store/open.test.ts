import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { openStore } from '../../src/store/index.ts';
import { requires } from '../support/requires.ts';
import { projectRoot } from '../support/paths.ts';
import { runOk } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';

async function closed(root: string): Promise<void> {
  await using _store = await openStore(root);
}

describe('opening a store', () => {
  it('makes it where there is none, for its owner only', async () => {
    using folder = tempFolder('open');
    const root = join(folder.path, 'a/b');
    await closed(root);
    expect(statSync(root).mode & 0o777).toBe(0o700);
    expect(JSON.parse(readFileSync(join(root, 'format.json'), 'utf8'))).toEqual({ version: 1 });
    await closed(root);
  });

  it('O-40 the new layout is one that other tools can read', async () => {
    using folder = tempFolder('open');
    await closed(folder.path);
    const layout = join(folder.path, 'oci');
    expect(JSON.parse(readFileSync(join(layout, 'oci-layout'), 'utf8'))).toEqual({
      imageLayoutVersion: '1.0.0',
    });
    expect(JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8'))).toMatchObject({
      schemaVersion: 2,
      manifests: [],
    });
    expect(readdirSync(join(layout, 'blobs'))).toEqual(['sha256']);
  });

  it('S-70 finishes what a process that died while making it began', async () => {
    using folder = tempFolder('open');
    await closed(folder.path);
    rmSync(join(folder.path, 'format.json'));
    rmSync(join(folder.path, 'oci/index.json'));
    rmSync(join(folder.path, 'leases'), { recursive: true });
    writeFileSync(join(folder.path, 'format.json.0123456789ab'), '');
    mkdirSync(join(folder.path, 'lost+found'));
    await closed(folder.path);
    expect(existsSync(join(folder.path, 'format.json'))).toBe(true);
    expect(existsSync(join(folder.path, 'leases'))).toBe(true);
  });

  it('refuses one of a newer version, with a hint, and leaves it alone', async () => {
    using folder = tempFolder('open');
    await closed(folder.path);
    writeFileSync(join(folder.path, 'format.json'), '{"version":2,"x":1}');
    await expect(openStore(folder.path)).rejects.toMatchObject({
      code: 'STORE_VERSION',
      message: expect.stringContaining('has format 2') as string,
      hint: expect.stringContaining('newer') as string,
    });
    expect(readFileSync(join(folder.path, 'format.json'), 'utf8')).toBe('{"version":2,"x":1}');
  });

  it.each(['', '{', '[]', 'null', '{"version":"1"}', '{"version":0}', '{"version":1.5}'])(
    'refuses one whose version is %j',
    async (text) => {
      using folder = tempFolder('open');
      await closed(folder.path);
      writeFileSync(join(folder.path, 'format.json'), text);
      await expect(openStore(folder.path)).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
    },
  );

  it("refuses another user's, root's too", async () => {
    requires('root');
    using folder = tempFolder('open');
    await closed(folder.path);
    chownSync(join(folder.path, 'format.json'), 12345, 12345);
    await expect(openStore(folder.path)).rejects.toMatchObject({
      code: 'STORE_VERSION',
      message: expect.stringContaining('belongs to user 12345') as string,
    });
  });

  it('S-71 refuses a folder of somebody else, empty or with a store of ours in it', async () => {
    requires('root');
    using folder = tempFolder('open');
    chownSync(folder.path, 12345, 12345);
    const refused = { code: 'STORE_VERSION', message: expect.stringContaining('user 12345') as string };
    await expect(openStore(folder.path)).rejects.toMatchObject(refused);
    expect(readdirSync(folder.path)).toEqual([]);
    chownSync(folder.path, 0, 0);
    await closed(folder.path);
    chownSync(folder.path, 12345, 12345);
    await expect(openStore(folder.path)).rejects.toMatchObject(refused);
  });

  it('refuses one that everybody may write to', async () => {
    using folder = tempFolder('open');
    await closed(folder.path);
    chmodSync(folder.path, 0o777);
    await expect(openStore(folder.path)).rejects.toMatchObject({
      code: 'STORE_VERSION',
      hint: expect.stringContaining('chmod 700') as string,
    });
  });

  it('refuses a folder that holds other things, and puts nothing into it', async () => {
    using folder = tempFolder('open');
    writeFileSync(join(folder.path, 'thesis.tex'), '');
    await expect(openStore(folder.path)).rejects.toMatchObject({
      code: 'STORE_DAMAGED',
      message: expect.stringContaining('thesis.tex') as string,
    });
    expect(readdirSync(folder.path)).toEqual(['thesis.tex']);
  });

  it.each([
    ['a file', '/etc/passwd', 'IO_ERROR'],
    ['below a file', '/etc/passwd/x', 'IO_ERROR'],
    ['where nobody may write', '/proc/tsbuild', 'IO_ERROR'],
  ])('S-78 a root that is %s is an error with a code', async (_name, root, code) => {
    await expect(openStore(root)).rejects.toMatchObject({ code });
  });

  it('is a handful of system calls where it exists, and no scan', async () => {
    requires('tool:strace');
    using folder = tempFolder('open');
    await closed(folder.path);
    const trace = join(folder.path, '../open.trace');
    const script = `
      const { openStore } = await import(${JSON.stringify(join(projectRoot, 'src/store/index.ts'))});
      await openStore(${JSON.stringify(folder.path)});`;
    await runOk([
      'strace',
      '-f',
      '-o',
      trace,
      '-P',
      folder.path,
      '-P',
      join(folder.path, 'format.json'),
      process.execPath,
      '--input-type=module',
      '-e',
      script,
    ]);
    const calls = readFileSync(trace, 'utf8')
      .split('\n')
      .map((line) => /^\d+\s+(\w+)\(/.exec(line)?.[1])
      .filter((name) => name !== undefined);
    expect(calls.at(0)).toBe('openat');
    expect(calls.at(-1)).toBe('close');
    expect(calls.length).toBeLessThanOrEqual(7);
    expect(calls).not.toContain('getdents64');
  });
});
