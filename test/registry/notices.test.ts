import { expect, it } from 'vitest';

import { mediaTypes, parseReference } from '../../src/oci/index.ts';
import { readRepository } from '../../src/registry/index.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';

it('what a registry has to say is told once, without what would steer a terminal, and within bounds', async () => {
  const many = Array.from({ length: 9 }, (_, n) => `299 - "more ${n}"`).join(', ');
  const warning = `299 - "old \\"image\\" \u009b31m", 110 - "stale", 299 else "x", ${many}`;
  await using proxy = await startFaultProxy(undefined, (_request, response) => {
    response.writeHead(200, { warning, 'content-type': mediaTypes.index });
    response.end('{"schemaVersion":2,"manifests":[]}');
    return true;
  });
  const told: string[] = [];
  const options = { onWarning: (message: string) => void told.push(message) };
  await readRepository(parseReference(`${proxy.host}/a:1`), options, async (open) => {
    await open.manifest();
    await open.manifest();
  });
  expect(told).toHaveLength(5);
  expect(told[0]).toMatch(/^127\.0\.0\.1:\d+ says: old "image" +31m$/);
  expect(told.join()).not.toMatch(/stale|x|\u009b/);
});
