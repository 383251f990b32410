import { describe, expect, it } from 'vitest';

import { checkRealm, parseChallenges } from '../../src/registry/challenge.ts';
import { isLoopback, isPrivateLiteral } from '../../src/http/hosts.ts';
import { parseRetryAfter } from '../../src/http/retry.ts';

describe('parseChallenges', () => {
  it.each<[string, [string, Record<string, string>][]]>([
    ['Basic realm="x"', [['basic', { realm: 'x' }]]],
    [
      'Bearer realm="https://a/t",service="s",scope="repository:a/b:pull,push"',
      [['bearer', { realm: 'https://a/t', service: 's', scope: 'repository:a/b:pull,push' }]],
    ],
    ['Bearer realm=https://a/t, service=s', [['bearer', { realm: 'https://a/t', service: 's' }]]],
    [
      'Basic realm="b", Bearer realm="https://a/t",service="s"',
      [
        ['basic', { realm: 'b' }],
        ['bearer', { realm: 'https://a/t', service: 's' }],
      ],
    ],
    ['BEARER Realm="a\\"b\\\\c"', [['bearer', { realm: 'a"b\\c' }]]],
    [
      'Negotiate, Basic realm="r"',
      [
        ['negotiate', {}],
        ['basic', { realm: 'r' }],
      ],
    ],
    ['', []],
    ['realm="x"', []],
  ])('G-10 reads %j', (header, expected) => {
    const challenges = parseChallenges(header).map(({ scheme, parameters }) => [
      scheme,
      Object.fromEntries(parameters),
    ]);
    expect(challenges).toEqual(expected);
  });
});

describe('checkRealm', () => {
  const registry = new URL('https://registry.example.com');
  const local = new URL('http://127.0.0.1:5000');

  it.each([
    ['https://auth.example.com/token?x=1', registry],
    ['https://registry.example.com/token', registry],
    ['https://8.8.8.8/token', registry],
    ['http://127.0.0.1:6000/token', local],
    ['https://10.0.0.5/token', new URL('https://10.0.0.5:5000')],
  ])('G-15 lets %s answer for %s', (realm, asking) => {
    expect(checkRealm(realm, asking).href).toBe(new URL(realm).href);
  });

  it.each([
    [undefined, registry],
    ['not a url', registry],
    ['http://auth.example.com/token', registry],
    ['ftp://auth.example.com/token', registry],
    ['file:///etc/passwd', local],
    ['https://user:pass@auth.example.com/token', registry],
    ['https://127.0.0.1/token', registry],
    ['https://2130706433/token', registry],
    ['https://localhost/token', registry],
    ['https://a.localhost/token', registry],
    ['https://10.1.2.3/token', registry],
    ['https://172.31.0.1/token', registry],
    ['https://192.168.0.1/token', registry],
    ['https://169.254.169.254/latest/meta-data', registry],
    ['https://0.0.0.0/token', registry],
    ['https://[::1]/token', registry],
    ['https://[fd00::1]/token', registry],
    ['https://[fe80::1]/token', registry],
    ['https://[::ffff:169.254.169.254]/token', registry],
    ['http://192.168.0.1/token', local],
  ])('G-15 does not let %s answer for %s', (realm, asking) => {
    expect(() => checkRealm(realm, asking)).toThrow(expect.objectContaining({ code: 'REGISTRY_DENIED' }));
  });
});

it.each([
  ['http://localhost:5000', true],
  ['http://127.9.9.9', true],
  ['http://[::1]:5000', true],
  ['http://127.0.0.1.example.com', false],
  ['http://localhost.example.com', false],
  ['http://10.0.0.1', false],
  ['http://0.0.0.0', false],
])('G-37 plain http to %s: %j', (url, loopback) => {
  expect(isLoopback(new URL(url))).toBe(loopback);
});

it('tells addresses that mean something only inside a network', () => {
  expect(isPrivateLiteral(new URL('https://example.com'))).toBe(false);
  expect(isPrivateLiteral(new URL('https://100.64.1.1'))).toBe(true);
  expect(isPrivateLiteral(new URL('https://172.32.0.1'))).toBe(false);
});

it.each([
  [null, undefined],
  ['3', 3000],
  ['0', 0],
  ['Thu, 01 Jan 1970 00:01:00 GMT', 30_000],
  ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
  ['soon', undefined],
])('G-32 Retry-After %j is %j ms', (header, expected) => {
  expect(parseRetryAfter(header, 30_000)).toBe(expected);
});
