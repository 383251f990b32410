import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { registrySettings, registryVariables } from '../../src/registry/index.ts';
import { tsbuild, type Tsbuild } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { requires } from '../support/requires.ts';
import type { CommandResult } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { makeTlsFiles } from '../support/tls-files.ts';

requires('root', 'tool:docker-registry', 'tool:openssl');

/** Of Apache's htpasswd, with `secret pass`. */
const htpasswd = 'me:$2y$05$abcdefghijklmnopqrstuuFzejfplTChgPyZNQOF2kNcZhBC.ObAS\n';

let registry: TestRegistry;
let cli: Tsbuild;
let home: string;
let name: string;
beforeAll(async () => {
  const { path } = tempFolder('registry-flags');
  home = join(path, 'home');
  mkdirSync(home);
  writeFileSync(join(path, 'users'), htpasswd);
  const auth = { htpasswd: { realm: 'test', path: join(path, 'users') } };
  registry = await startRegistry(join(path, 'registry'), { auth });
  name = `${registry.host}/team/app:1`;
  cli = tsbuild();
  await cli.ok(['build', '-q', '-t', name, makeContext({ Dockerfile: 'FROM scratch\nCOPY f /\n', f: 'x' })]);
});
afterAll(async () => registry[Symbol.asyncDispose]());

/** Nobody is logged in unless files of the home say so. */
async function asking(words: readonly string[], input?: string): Promise<CommandResult> {
  const env = {
    HOME: home,
    DOCKER_CONFIG: join(home, 'docker'),
    XDG_RUNTIME_DIR: home,
    XDG_CONFIG_HOME: home,
  };
  return cli.run(words, { env, ...(input === undefined ? {} : { input }) });
}

describe('who asks', () => {
  it('C-45 S-62 --creds are for one command and one registry, and shown to nobody', async () => {
    expect((await asking(['push', name])).stderr).toContain('REGISTRY_DENIED');
    const wrong = await asking(['push', '--creds', 'me:very-wrong', name]);
    expect(wrong.stderr).toContain('REGISTRY_DENIED');
    expect(wrong.stderr).not.toContain('very-wrong');
    expect(await asking(['push', '-q', '--creds', 'me:secret pass', name])).toMatchObject({ status: 0 });
    expect(await asking(['pull', '-q', '--creds', 'me:secret pass', name])).toMatchObject({ status: 0 });
    expect((await asking(['pull', '-q', name])).stderr).toContain('REGISTRY_DENIED');
    const unclear = await asking(['pull', '--creds', 'me', name]);
    expect(unclear.stderr).toContain('--creds has no password');
    expect(existsSync(join(home, 'docker'))).toBe(false);
  });

  it('C-45 G-20 --authfile is the only file that is asked, and login and logout write it', async () => {
    const file = join(home, 'own/auth.json');
    const login = ['login', '--authfile', file, '-u', 'me', '--password-stdin', registry.host];
    expect(await asking(login, 'secret pass\n')).toMatchObject({ status: 0 });
    expect(existsSync(join(home, 'docker'))).toBe(false);
    expect(await asking(['push', '-q', '--authfile', file, name])).toMatchObject({ status: 0 });
    const context = makeContext({ Dockerfile: `FROM ${name}\nCOPY f /g\n`, f: 'y' });
    const build = ['build', '-q', '--pull', '--no-cache', context];
    expect(await asking([...build, '--authfile', file])).toMatchObject({ status: 0 });
    expect((await asking(build)).stderr).toContain('REGISTRY_DENIED');
    const lock = await asking(['lock', '--check', '--authfile', file, context]);
    expect(lock.stdout).toContain(`+ docker-image://${name} sha256:`);
    const empty = join(home, 'empty.json');
    writeFileSync(empty, '{}');
    mkdirSync(join(home, 'docker'));
    copyFileSync(file, join(home, 'docker/config.json'));
    expect(await asking(['pull', '-q', name])).toMatchObject({ status: 0 });
    expect((await asking(['pull', '--authfile', empty, name])).stderr).toContain('REGISTRY_DENIED');
    expect((await asking(['pull', '--authfile', `${file}x`, name])).stderr).toContain('CREDENTIALS_INVALID');
    expect(await asking(['logout', '--authfile', file, registry.host])).toMatchObject({ status: 0 });
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ auths: {} });
    expect(await asking(['logout', registry.host])).toMatchObject({ status: 0 });
  });
});

describe('--retry', () => {
  it.each([
    [['--retry', '0'], 1],
    [['--retry', '2', '--retry-delay', '1ms'], 3],
  ])('C-44 %j asks %i times', async (flags, times) => {
    await using proxy = await startFaultProxy(undefined, (request, response) => {
      if (request.url === '/v2/') response.end();
      else response.writeHead(503).end();
      return true;
    });
    const result = await asking(['pull', ...flags, `${proxy.host}/a:1`]);
    expect(result.stderr).toContain('REGISTRY_ERROR');
    expect(proxy.seen.filter(({ path }) => path.includes('/manifests/'))).toHaveLength(times);
  });

  it.each([
    [['--retry', 'often'], '--retry: invalid value "often"'],
    [['--retry-delay', '2'], '--retry-delay: invalid value "2"'],
  ])('C-44 %j is refused', async (flags, message) => {
    const { status, stderr } = await asking(['pull', ...flags, 'a.example/x']);
    expect(status).toBe(2);
    expect(stderr).toContain(message);
  });
});

describe('how a registry is spoken to', () => {
  it('C-45 S-64 --tls-verify=false is said of the registry of the name', async () => {
    await using plain = await startFaultProxy(registry.host, () => false);
    // Linux takes this address for this machine; to everybody else it is none of it.
    const other = `0.0.0.0:${plain.port}/team/app:1`;
    const creds = ['-q', '--creds', 'me:secret pass'];
    expect((await asking(['pull', ...creds, other])).stderr).toContain('REGISTRY_UNREACHABLE');
    expect(plain.seen).toEqual([]);
    expect((await asking(['pull', ...creds, '--tls-verify=false', other])).status).toBe(0);
    const strict = await asking(['pull', ...creds, '--tls-verify', name]);
    expect(strict.stderr).toContain('it does not speak https');
    for (const words of [
      ['build', '--tls-verify=false', '.'],
      ['pull', '--tls-verify', '--insecure-registry', 'a.example', 'a.example/x'],
    ]) {
      expect(await asking(words)).toMatchObject({ status: 2 });
    }
  });

  it('C-45 S-64 what is strict is so for every place', () => {
    const environment = { [registryVariables.insecure]: 'a.example', [registryVariables.tlsVerify]: '1' };
    const settings = registrySettings({ environment, etc: '/nonexistent' });
    expect(settings.hostPlace('a.example').insecure).toBe(false);
    expect(settings.tls(new URL('https://a.example/'), settings.hostPlace('a.example'))).toBeUndefined();
  });

  it('C-45 G-39 --cert-dir has the authorities of the registry', async () => {
    const { path } = tempFolder('cert-dir');
    const { authority, certificate, key } = await makeTlsFiles(path, 'registry.example.test');
    await using secure = await startRegistry(join(path, 'registry'), { tls: { certificate, key } });
    const target = `${secure.host}/app:1`;
    await cli.ok(['tag', name, target]);
    const folder = join(path, 'certs');
    mkdirSync(folder);
    expect((await asking(['push', '-q', target])).stderr).toContain('certificate is not trusted');
    expect((await asking(['push', '-q', '--cert-dir', join(path, 'none'), target])).stderr).toContain(
      'REGISTRY_CONFIG_INVALID',
    );
    copyFileSync(authority, join(folder, 'ca.crt'));
    expect(await asking(['push', '-q', '--cert-dir', folder, target])).toMatchObject({ status: 0 });
  });
});
