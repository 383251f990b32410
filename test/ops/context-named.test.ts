import { describe, expect, it } from 'vitest';

import { mainContext } from '../../src/graph/index.ts';
import { parseBuildContext } from '../../src/ops/contexts/index.ts';
import { built, treeLines } from '../support/built-tree.ts';
import { makeContext } from '../support/context.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { serveFiles } from '../support/http-server.ts';
import { openInputs } from '../support/inputs.ts';
import { makeTar } from '../support/make-tar.ts';
import { requires } from '../support/requires.ts';

describe('--build-context', () => {
  const folder = makeContext({});
  const digest = `sha256:${'a'.repeat(64)}`;

  it.each([
    [`a=${folder}`, { kind: 'folder', path: folder }],
    ['a=/no/such', { kind: 'folder', path: '/no/such' }],
    [`a=${folder}/x=y`, { kind: 'folder', path: `${folder}/x=y` }],
    ['a=docker-image://alpine:3', { kind: 'image', reference: 'alpine:3' }],
    [`a=docker-image://alpine@${digest}`, { kind: 'image', reference: `alpine@${digest}` }],
    ['a=docker-image:alpine', { kind: 'image', reference: 'alpine' }],
    ['a=docker-image://scratch', { kind: 'image', reference: 'scratch' }],
    ['a=oci-layout:///x/y', { kind: 'layout', path: '/x/y' }],
    ['a=oci-layout://x/y:1.0', { kind: 'layout', path: 'x/y', reference: '1.0' }],
    [`a=oci-layout://x@${digest}`, { kind: 'layout', path: 'x', reference: digest }],
    [`a=oci-layout://x:1.0@${digest}`, { kind: 'layout', path: 'x', reference: digest }],
    ['a=oci-layout:///host:5000/x', { kind: 'layout', path: '/host:5000/x' }],
    ['a=https://host/x.tar.gz', { kind: 'http', source: { url: 'https://host/x.tar.gz' } }],
    [
      'a=https://host/x.git#main:sub',
      { kind: 'git', source: { remote: 'https://host/x.git', ref: 'main', subdir: 'sub' } },
    ],
    ['a=git@host:x/y', { kind: 'git', source: { remote: 'git@host:x/y' } }],
    ['a=github.com/x/y', { kind: 'git', source: { remote: 'https://github.com/x/y' } }],
  ])('C-17 L-222 %s', (text, source) => {
    const parsed = parseBuildContext(text);
    expect(parsed.name).toBe('a');
    expect(parsed.source).toMatchObject(source);
  });

  it.each(['alpine:3', 'docker.io/library/alpine', 'Build', 'a::linux/arm64'])(
    'C-17 may be called %s',
    (name) => {
      expect(parseBuildContext(`${name}=${folder}`).name).toBe(name);
    },
  );

  it.each([
    ['', 'NAME=VALUE'],
    ['a', 'NAME=VALUE'],
    ['a=', 'NAME=VALUE'],
    ['=x', 'NAME=VALUE'],
    ['a b=x', ''],
    ['a::=x', ''],
    ['a=target:base', 'stage'],
    ['a=oci-layout://', 'PATH'],
    ['a=oci-layout://x:', 'PATH'],
  ])('C-17 cannot be %j', (text, hint) => {
    expect(() => parseBuildContext(text)).toThrow(
      expect.objectContaining({ code: 'USAGE', hint: expect.stringContaining(hint) as string }) as Error,
    );
  });

  it('C-17 of an image must name one', () => {
    expect(() => parseBuildContext('a=docker-image://A b')).toThrow(
      expect.objectContaining({ code: 'REFERENCE_INVALID' }) as Error,
    );
  });
});

describe('a named context', () => {
  const dockerfile = 'FROM scratch\nCOPY --from=other . /\n';

  it('L-222 of a folder is seen through its own ignore file', async () => {
    requires('root', 'overlay');
    const other = makeContext({ kept: '', secret: '', '.dockerignore': 'secret\n.dockerignore\n' });
    const context = makeContext({ Dockerfile: dockerfile, '.dockerignore': 'kept' });
    const image = await built({ context, namedContexts: [parseBuildContext(`other=${other}`)] });
    expect(treeLines(await image.tree())).toEqual(['kept 644 0:0']);
  });

  it.each(['/no/such', '/dev/null'])('L-222 of %s is none', async (path) => {
    const context = makeContext({ Dockerfile: dockerfile });
    await expect(openInputs({ context, named: [parseBuildContext(`other=${path}`)] })).rejects.toMatchObject({
      code: 'CONTEXT_NOT_FOUND',
      message: expect.stringContaining('other') as string,
    });
  });

  it('L-222 never takes the place of the main one', async () => {
    const context = makeContext({ Dockerfile: dockerfile });
    const named = [parseBuildContext(`context=${makeContext({})}`)];
    await using inputs = await openInputs({ context, named });
    expect(inputs.contexts.get(mainContext)?.name).toBe(context);
    expect(inputs.named.get('context')).toEqual({ kind: 'local', name: '_context' });
  });

  it('L-222 is the last of its name', async () => {
    const context = makeContext({ Dockerfile: dockerfile });
    const named = ['docker-image://a', 'docker-image://b'].map((value) =>
      parseBuildContext(`other=${value}`),
    );
    await using inputs = await openInputs({ context, named });
    expect(inputs.named.get('other')).toEqual({ kind: 'image', reference: 'b' });
  });

  it('L-222 of a URL is the archive there, unpacked', async () => {
    requires('root', 'overlay');
    const tar = makeTar([{ path: 'file', body: 'hello' }]);
    await using server = await serveFiles({ '/x.tar': tar });
    const context = makeContext({ Dockerfile: dockerfile });
    const image = await built({
      context,
      namedContexts: [parseBuildContext(`other=${server.origin}/x.tar`)],
    });
    expect(treeLines(await image.tree())).toEqual(['file 644 0:0']);
  });

  it('L-222 that nothing uses is not fetched', async () => {
    requires('root', 'overlay');
    await using server = await startFaultProxy(undefined, () => false);
    const context = makeContext({ Dockerfile: 'FROM scratch\nCOPY Dockerfile /\n' });
    await built({ context, namedContexts: [parseBuildContext(`other=http://${server.host}/x.tar`)] });
    expect(server.seen).toEqual([]);
  });
});
