import { describe, expect, it } from 'vitest';

import { fileNameOfUrl } from '../../src/core/index.ts';
import { answer, serve } from '../support/http-server.ts';
import { urlFetcher } from '../support/url-fetcher.ts';

describe('the name of the file', () => {
  it.each([
    ['https://host/a/b.tar.gz?x=/y#/z', 'b.tar.gz'],
    ['https://host/a/b/', 'b'],
    ['https://host/a%20b', 'a b'],
    ['https://host/a%2Fb', 'b'],
    ['https://host/%2e%2e%2f%2e%2e%2fetc%2fpasswd', 'passwd'],
    ['https://host/%2e%2e', '__unnamed__'],
    ['https://host/a/..', '__unnamed__'],
    ['https://host/.', '__unnamed__'],
    ['https://host/a%00b', '__unnamed__'],
    ['https://host/%zz', '__unnamed__'],
    ['https://host', '__unnamed__'],
    ['https://host/', '__unnamed__'],
    ['https://host?/x', '__unnamed__'],
    [`https://host/${'a'.repeat(255)}`, 'a'.repeat(255)],
    [`https://host/${'a'.repeat(256)}`, '__unnamed__'],
    [`https://host/${'ä'.repeat(128)}`, '__unnamed__'],
  ])('L-176 S-42 of %s is %s', (url, name) => {
    expect(fileNameOfUrl(url)).toBe(name);
  });

  it.each(['../../etc/passwd', '/etc/passwd', '..', 'a\\u0000b', 'x'.repeat(300)])(
    'S-42 is not what Content-Disposition says (%s)',
    async (name) => {
      await using server = await serve(
        answer('hello', { 'content-disposition': `attachment; filename="${name}"` }),
      );
      expect((await urlFetcher().fetch(`${server.origin}/folder/file.txt`)).filename).toBe('file.txt');
    },
  );
});
