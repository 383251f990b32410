import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { logIn } from '../../src/registry/index.ts';
import { takeLock } from '../../src/sys/index.ts';
import { tsbuild, tsbuildProgram } from '../support/cli.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { onTerminal, type OnTerminal } from '../support/on-terminal.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';

requires('tool:docker-registry');

/** Of Apache's htpasswd, with `secret pass`. */
const htpasswd = 'me:$2y$05$abcdefghijklmnopqrstuuFzejfplTChgPyZNQOF2kNcZhBC.ObAS\n';

let registry: TestRegistry;
beforeAll(async () => {
  const { path } = tempFolder('login');
  writeFileSync(join(path, 'users'), htpasswd);
  const auth = { htpasswd: { realm: 'test', path: join(path, 'users') } };
  registry = await startRegistry(join(path, 'registry'), { auth });
});
afterAll(async () => registry[Symbol.asyncDispose]());

type Keys = readonly (readonly [after: string, typed: string])[];

async function typedLogin(
  keys: Keys,
  args: readonly string[] = [],
): Promise<OnTerminal & { readonly kept: string | undefined }> {
  const { path } = tempFolder('login-home');
  const env = {
    ...process.env,
    HOME: path,
    DOCKER_CONFIG: join(path, 'docker'),
    NODE_EXTRA_CA_CERTS: undefined,
  };
  const shown = await onTerminal([tsbuildProgram, 'login', ...args, registry.host], keys, env);
  let kept: string | undefined;
  try {
    const file = JSON.parse(readFileSync(join(path, 'docker/config.json'), 'utf8')) as {
      auths: Record<string, { auth: string }>;
    };
    kept = Buffer.from(file.auths[registry.host]?.auth ?? '', 'base64').toString();
  } catch {
    kept = undefined;
  }
  return { ...shown, kept };
}

describe('login on a terminal', () => {
  it('S-62 asks for user and password, and shows nothing of the password', async () => {
    const shown = await typedLogin([
      ['user at', 'mx\x7fe\r'],
      ['password:', 'wrong\x15secret pasz\x7fs\r'],
    ]);
    expect(shown).toMatchObject({ code: 0, restored: true, kept: 'me:secret pass' });
    expect(shown.output).toContain('Login Succeeded');
    expect(shown.output).toContain(`user at ${registry.host}: mx\b \be`);
    expect(shown.output).not.toMatch(/secret|pass$|wrong|\*\*/m);
  });

  it('asks for what is missing alone', async () => {
    const shown = await typedLogin([['password:', 'secret pass\r']], ['-u', 'me']);
    expect(shown).toMatchObject({ code: 0, restored: true, kept: 'me:secret pass' });
    expect(shown.output).not.toContain('user at');
  });

  it.each([
    ['Ctrl-C', '\x03'],
    ['Ctrl-D', '\x04'],
  ])('%s ends it and leaves the terminal as it was', async (_key, typed) => {
    const shown = await typedLogin([['password:', typed]], ['-u', 'me']);
    expect(shown).toMatchObject({ code: 130, restored: true, kept: undefined });
  });

  it('no password is no login', async () => {
    const shown = await typedLogin([['password:', '\r']], ['-u', 'me']);
    expect(shown).toMatchObject({ code: 2, restored: true, kept: undefined });
  });
});

describe('login without a terminal', () => {
  it('asks nobody', async () => {
    const { status, stderr } = await tsbuild().run(['login', registry.host], { input: 'me\nsecret pass\n' });
    expect(status).toBe(2);
    expect(stderr).toContain('needs the name of a user');
  });

  it('G-18 waits for another that changes the file, and forgets nothing of it', async () => {
    const { path } = tempFolder('login-two');
    const file = join(path, 'config.json');
    const lock = await takeLock(`${file}.lock`);
    const environment = { HOME: path, DOCKER_CONFIG: path };
    const { signal } = new AbortController();
    const me = { username: 'me', password: 'secret pass' };
    const pending = logIn(registry.host, me, { signal, environment });
    // Long enough for a login that does not wait; the other one writes all the same.
    const first = await Promise.race([pending, sleep(500, 'waits')]);
    writeFileSync(file, JSON.stringify({ auths: { 'other.example': { auth: 'b3RoZXI6eA==' } } }));
    lock.release();
    await pending;
    const { auths } = JSON.parse(readFileSync(file, 'utf8')) as { auths: object };
    expect(Object.keys(auths).sort()).toEqual([registry.host, 'other.example'].sort());
    expect(first).toBe('waits');
    expect(readdirSync(path)).toEqual(['config.json']);
  });
});

describe('--insecure-registry', () => {
  it('G-37 S-64 lets a command speak plain http to that host, and to no other', async () => {
    await using plain = await startFaultProxy(registry.host, () => false);
    // Linux takes this address for this machine; to everybody else it is none of it.
    const host = `0.0.0.0:${plain.port}`;
    const { path } = tempFolder('login-insecure');
    const login = (flags: readonly string[], environment = {}) =>
      tsbuild().run(['login', ...flags, '-u', 'me', '--password-stdin', host], {
        env: { HOME: path, DOCKER_CONFIG: path, ...environment },
        input: 'secret pass\n',
      });
    const refused = await login([]);
    expect(refused.status).toBe(6);
    expect(refused.stderr).toContain('--insecure-registry');
    expect((await login(['--insecure-registry', '0.0.0.0'])).status).toBe(6);
    expect(plain.seen).toEqual([]);
    const accepted = await login(['--insecure-registry', 'a.example', '--insecure-registry', host]);
    expect(accepted.status).toBe(0);
    // Of Node, about the way in which the larger HTTP library is loaded.
    expect(accepted.stderr).not.toContain('ExperimentalWarning');
    expect((await login([], { TSBUILD_INSECURE_REGISTRIES: host })).status).toBe(0);
    // So does a command that asks a registry now and then.
    const asking = ['inspect', '--attestations', '--insecure-registry', host, `${host}/none`];
    expect((await tsbuild().run(asking, { env: { HOME: path } })).stderr).toContain('REGISTRY_DENIED');
    const wrong = await login(['--insecure-registry', 'http://a']);
    expect(wrong.status).toBe(2);
    expect(wrong.stderr).toContain('not the host of a registry');
  });
});
