import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { testRepository } from '../support/git-repository.ts';
import { checkOut, errorOf, gitWorld } from '../support/git-world.ts';
import { requires } from '../support/requires.ts';
import { startSshServer, type SshServer } from '../support/ssh-server.ts';
import { tempFolder } from '../support/temp-folder.ts';

describe('a repository behind ssh', () => {
  requires('root', 'tool:git', 'tool:sshd', 'tool:ssh', 'tool:ssh-agent');

  const { path: served } = tempFolder('served');
  let server: SshServer;
  let url: string;

  beforeAll(async () => {
    server = await startSshServer(join(served, 'ssh'));
    const app = await testRepository(served, 'app');
    await app.commit({ README: 'read\n' });
    url = `${server.url}${app.folder}`;
  });
  afterAll(() => server[Symbol.asyncDispose]());

  const withAgent = (): { sshAgent: () => Promise<string>; knownHosts: readonly string[] } => ({
    sshAgent: async () => server.agent,
    knownHosts: [server.knownHosts],
  });

  it('L-177 L-220 is fetched with the keys of the agent', async () => {
    const folder = await checkOut(gitWorld(withAgent()).fetcher, url);
    expect(readFileSync(join(folder, 'README'), 'utf8')).toBe('read\n');
  });

  it('S-39 is refused without the agent', async () => {
    const world = gitWorld({ ...withAgent(), sshAgent: async () => undefined });
    const error = await errorOf(checkOut(world.fetcher, url));
    expect(error).toMatchObject({ code: 'SOURCE_DENIED', hint: expect.stringContaining('--ssh') as unknown });
  });

  it('S-39 is refused when nobody knows the host’s key', async () => {
    const error = await errorOf(checkOut(gitWorld({ ...withAgent(), knownHosts: [] }).fetcher, url));
    expect(error).toMatchObject({ code: 'SOURCE_DENIED' });
    expect(error.message).toContain('host key');
    expect(error.hint).toContain('known_hosts');
  });

  it('S-39 is refused when the host has another key than the one that is known', async () => {
    const forged = join(served, 'forged');
    const other = readFileSync(join(served, 'ssh/user.pub'), 'utf8').split(' ').slice(0, 2).join(' ');
    const [name = ''] = readFileSync(server.knownHosts, 'utf8').split(' ');
    writeFileSync(forged, `${name} ${other}\n`);
    const error = await errorOf(checkOut(gitWorld({ ...withAgent(), knownHosts: [forged] }).fetcher, url));
    expect(error).toMatchObject({ code: 'SOURCE_DENIED' });
    expect(error.message).toContain('host key');
    // What is known stays as the user has it.
    expect(readFileSync(forged, 'utf8')).toBe(`${name} ${other}\n`);
  });
});
