import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { hostOfUrl, redactUrl } from '../../src/core/index.ts';

describe('redactUrl', () => {
  it.each([
    ['https://user:pass@host/path', 'https://xxxxx@host/path'],
    ['https://token@host/path?a=b#c', 'https://xxxxx@host/path?a=b#c'],
    ['https://:pass@host', 'https://xxxxx@host'],
    ['http://a:b@c@host/x', 'http://xxxxx@host/x'],
    ['https://user:a/b@host/path', 'https://xxxxx@host/path'],
    ['https://user:a?b#c@host/path', 'https://xxxxx@host/path'],
    ['ssh://git@host/path', 'ssh://git@host/path'],
    ['ssh://git:pass@host/path', 'ssh://xxxxx@host/path'],
    ['git+ssh://git:pass@host/path', 'git+ssh://xxxxx@host/path'],
    ['ftp://a:b@host', 'ftp://xxxxx@host'],
    ['HTTPS://a:b@host', 'HTTPS://xxxxx@host'],
    [
      "fatal: unable to access 'https://a:b@host/x/': no (https://c:d@e)",
      "fatal: unable to access 'https://xxxxx@host/x/': no (https://xxxxx@e)",
    ],
    ['https://host/path@v1', 'https://host/path@v1'],
    ['https://host:8080/path@v1', 'https://host:8080/path@v1'],
    ['https://[::1]:80/a@b', 'https://[::1]:80/a@b'],
    ['git@host:path', 'git@host:path'],
    ['debian:12@sha256:abc', 'debian:12@sha256:abc'],
    ['no URL at all', 'no URL at all'],
    ['://', '://'],
    ['', ''],
  ])('S-61 %s', (text, expected) => expect(redactUrl(text)).toBe(expected));

  it('S-61 hides the password of any URL', () => {
    const word = fc.stringMatching(/^[a-z]{1,8}$/);
    const secret = fc.stringMatching(/^[A-Z0-9!$&*+,;=%._~-]{4,12}$/);
    fc.assert(
      fc.property(word, secret, word, fc.string(), (user, password, host, before) => {
        const text = `${before} https://${user}:${password}@${host}/x`;
        const shown = redactUrl(text);
        expect(shown.endsWith(` https://xxxxx@${host}/x`)).toBe(true);
        expect(redactUrl(shown)).toBe(shown);
      }),
    );
  });
});

describe('hostOfUrl', () => {
  it.each([
    ['https://user:pass@Example.com:8443/a@b', 'example.com:8443'],
    ['ssh://git@host/path', 'host'],
    ['git@host:path', 'host'],
    ['git://host', 'host'],
    ['a/b@host:path', undefined],
    ['host:path', undefined],
    ['https:///path', undefined],
    ['', undefined],
  ])('%s', (url, host) => expect(hostOfUrl(url)).toBe(host));
});
