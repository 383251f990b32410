import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { findCredentials } from '../../src/registry/index.ts';
import { home, nameFor, user } from '../support/auth-home.ts';
import { tempFolder } from '../support/temp-folder.ts';

describe('credential helpers', () => {
  let path: string;
  const before = process.env['PATH'];
  beforeAll(() => {
    ({ path } = tempFolder('helpers'));
    const helper = (name: string, script: string): void => {
      const file = join(path, `docker-credential-${name}`);
      writeFileSync(file, `#!/bin/sh\ncd '${path}'\n${script}\n`);
      chmodSync(file, 0o755);
    };
    helper(
      'files',
      `case $1 in
        get) read -r s; f=$(echo "$s" | tr / _); [ -e "$f" ] || { echo 'credentials not found in native keychain'; exit 1; }; cat "$f";;
        store) cat > stored;;
        erase) read -r s; rm "$(echo "$s" | tr / _)";;
      esac`,
    );
    helper('broken', 'echo the-secret; exit 3');
    helper('odd', 'echo the-secret');
    helper('endless', 'exec yes the-secret');
    helper('hangs', 'echo $$ > hanging.new; mv hanging.new hanging; exec sleep 600');
    writeFileSync(join(path, 'r.e'), '{"ServerURL":"r.e","Username":"h","Secret":"s"}');
    writeFileSync(join(path, 'token.e'), '{"ServerURL":"token.e","Username":"<token>","Secret":"s"}');
    process.env['PATH'] = `${path}:${before ?? ''}`;
  });
  afterAll(() => {
    process.env['PATH'] = before;
  });

  it.each([
    ['of the registry', { credHelpers: { 'r.e': 'files' } }, 'r.e', 'h'],
    ['of all', { credsStore: 'files' }, 'r.e', 'h'],
    ['a token', { credsStore: 'files' }, 'token.e', 'identity'],
    ['that has none', { credsStore: 'files' }, 'other.e', undefined],
    ['that has none, but the file', { credsStore: 'files', auths: { 'o.e': user('f') } }, 'o.e', 'f'],
    ['of another registry', { credHelpers: { 'x.e': 'broken' } }, 'r.e', undefined],
  ])('G-19 a helper %s', async (_what, config, registry, expected) => {
    expect(await nameFor(config, registry)).toBe(expected);
  });

  it.each(['../../tmp/x', 'a/b', 'a;touch x', '', '-x', '.', 'a\n', 'x'.repeat(101)])(
    'S-65 no program is looked for under the name %j',
    async (name) => {
      const failed = nameFor({ credHelpers: { 'r.e': name } }, 'r.e');
      await expect(failed).rejects.toMatchObject({ code: 'CREDENTIALS_INVALID' });
      await expect(failed).rejects.toThrow(/that is not a name of a credential helper$/);
    },
  );

  it.each(['absent', 'broken', 'odd', 'endless'])(
    'S-65 the helper %j fails, and no word of it is shown',
    async (name) => {
      const failed = nameFor({ credHelpers: { 'r.e': name } }, 'r.e');
      await expect(failed).rejects.toMatchObject({ code: 'CREDENTIALS_INVALID' });
      await expect(failed).rejects.not.toThrow(/the-secret/);
    },
  );

  it('S-65 a helper that hangs is ended with what asked for it', async () => {
    const stop = new AbortController();
    const { environment } = home({ '.docker/config.json': { credsStore: 'hangs' } });
    const asking = findCredentials({ registry: 'r.e' }, { signal: stop.signal, environment });
    await expect.poll(() => existsSync(join(path, 'hanging'))).toBe(true);
    stop.abort(new Error('stopped'));
    await expect(asking).rejects.toThrow('stopped');
    const pid = Number(readFileSync(join(path, 'hanging'), 'utf8'));
    expect(existsSync(`/proc/${pid}`)).toBe(false);
  });
});
