import { describe, expect, it } from 'vitest';

import { buildProxies, dockerProxies } from '../../src/cli/docker-proxies.ts';
import { home } from '../support/auth-home.ts';
import { tsbuildWithBusybox } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { requires } from '../support/requires.ts';

const config = { proxies: { default: { httpProxy: 'http://p.e:1', noProxy: 'a.e' } } };

describe('proxies of docker’s config.json', () => {
  it.each([
    ['none', { auths: {} }, []],
    ['not of another daemon', { proxies: { 'tcp://a.e:2376': { httpProxy: 'x' } } }, []],
    ['no text', { proxies: { default: { httpProxy: 1, noProxy: '' } } }, []],
    ['nothing', { proxies: null }, []],
    ['no JSON', '"proxies" {', []],
    [
      'in both cases',
      config,
      ['HTTP_PROXY=http://p.e:1', 'http_proxy=http://p.e:1', 'NO_PROXY=a.e', 'no_proxy=a.e'],
    ],
  ])('G-18 %s', (_what, content, expected) => {
    const { environment } = home({ '.docker/config.json': content });
    expect(dockerProxies(environment).map((pair) => pair.join('='))).toEqual(expected);
  });

  it('C-56 --http-proxy takes those of the environment instead, and =false none', () => {
    const environment = { HOME: '/nowhere', http_proxy: 'http://e:1', NO_PROXY: 'x', HTTPS_PROXY: '' };
    expect(buildProxies(true, environment)).toEqual([
      ['http_proxy', 'http://e:1'],
      ['NO_PROXY', 'x'],
    ]);
    expect(buildProxies(false, environment)).toEqual([]);
    expect(buildProxies(undefined, environment)).toEqual([]);
  });

  it('G-18 L-088 are seen by RUN and by containers, behind what flags say', async () => {
    requires('root', 'overlay', 'tool:busybox');
    const cli = await tsbuildWithBusybox();
    const { environment: env } = home({ '.docker/config.json': config });
    const show = 'echo "$http_proxy $NO_PROXY"';
    const context = makeContext({ Dockerfile: `FROM busybox:1\nRUN ${show} > /seen\n` });
    await cli.ok(['build', '--build-arg', 'NO_PROXY=mine', '-t', 'app', context], { env });
    expect(await cli.ok(['run', '--rm', 'app', 'cat', '/seen'])).toBe('http://p.e:1 mine');
    const argv = ['run', '--rm', '-e', 'NO_PROXY=own', 'app', 'sh', '-c', show];
    expect(await cli.ok(argv, { env })).toBe('http://p.e:1 own');
    expect(await cli.ok(['history', '--no-trunc', 'app'])).not.toContain('p.e');
  });
});
