import { describe, expect, it } from 'vitest';
import { parseSshSource } from '../../src/ops/ssh-source.ts';

describe('--ssh', () => {
  const host = {
    agentSocket: '/run/agent',
    isSocket: (path: string) => {
      if (path.includes('missing')) throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
      return path.endsWith('.sock');
    },
  };

  it.each([
    ['default', 'default', { kind: 'agent', socket: '/run/agent' }],
    ['github', 'github', { kind: 'agent', socket: '/run/agent' }],
    ['default=', 'default', { kind: 'agent', socket: '/run/agent' }],
    ['default=/a.sock', 'default', { kind: 'agent', socket: '/a.sock' }],
    ['default=/key', 'default', { kind: 'keys', paths: ['/key'] }],
    ['id=/one,/two', 'id', { kind: 'keys', paths: ['/one', '/two'] }],
    ['id=/a=b', 'id', { kind: 'keys', paths: ['/a=b'] }],
  ])('C-16 reads %s', (text, id, source) => {
    expect(parseSshSource(text, host)).toEqual({ id, source });
  });

  it.each([
    ['', 'USAGE'],
    ['=/key', 'USAGE'],
    ['a b', 'USAGE'],
    ['id=/one,,/two', 'USAGE'],
    ['id=/a.sock,/key', 'USAGE'],
    ['id=/a.sock,/b.sock', 'USAGE'],
    ['id=/missing', 'SSH_INVALID'],
  ])('C-16 refuses %j', (text, code) => {
    expect(() => parseSshSource(text, host)).toThrow(expect.objectContaining({ code }) as Error);
  });

  it.each([undefined, ''])('C-16 says that there is no agent when SSH_AUTH_SOCK is %j', (agentSocket) => {
    expect(() => parseSshSource('default', { ...host, agentSocket })).toThrow(
      expect.objectContaining({
        code: 'SSH_INVALID',
        hint: expect.stringContaining('ssh-add') as string,
      }) as Error,
    );
  });
});
