import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

import { lockBuild } from '../../src/lock.ts';
import { makeContext } from '../support/context.ts';
import { tempFolder } from '../support/temp-folder.ts';

it('B-06 C-54 what a lock file forbids is written anew with it, with its order and constraints', async () => {
  const file = join(tempFolder('lock').path, 'lock.json');
  const selector = (identifier: string, more = {}) => ({ identifier, ...more });
  const rules = [
    { action: 'DENY', selector: selector('docker-image://*') },
    { action: 'ALLOW', selector: selector('docker-image://docker.io/library/.*', { match_type: 'REGEX' }) },
    {
      action: 'DENY',
      selector: selector('https://*', {
        constraints: [{ key: 'http.checksum', value: '', condition: 'EQUAL' }],
      }),
    },
  ];
  writeFileSync(file, JSON.stringify({ version: 1, rules }));
  const root = join(tempFolder('root').path, 'store');
  const context = makeContext({ Dockerfile: 'FROM scratch\nCOPY a /\n', a: 'a' });
  for (const update of [false, true]) {
    const { text, changes, count } = await lockBuild({ root, context, file, update });
    expect(JSON.parse(text)).toEqual({ version: 1, rules });
    expect({ changes, count }).toEqual({ changes: [], count: 0 });
  }
});
