import { readFileSync } from 'node:fs';
import { createConnection, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { proxySshAgent } from '../../src/ops/run/ssh-proxy.ts';
import { openSshAgents, type SshAgents } from '../../src/ops/ssh-agents.ts';
import { requires } from '../support/requires.ts';
import { runCommand } from '../support/run-command.ts';
import { sshKey } from '../support/ssh-keys.ts';
import { tempFolder } from '../support/temp-folder.ts';

const identities = message(11);

describe("the socket before a user's agent", () => {
  requires('tool:ssh-agent', 'tool:ssh-add', 'tool:ssh-keygen');
  let key: string;
  let agents: SshAgents;
  let proxy: AsyncDisposable;
  const path = join(tempFolder('proxy').path, 'agent');

  beforeAll(async () => {
    key = await sshKey();
    agents = openSshAgents(new Map([['default', { kind: 'keys', paths: [key] }]]));
    proxy = await proxySshAgent(path, (await agents.socket('default')) ?? '');
  });
  afterAll(async () => {
    await proxy[Symbol.asyncDispose]();
    await agents[Symbol.asyncDispose]();
  });

  it('L-141 tells which keys there are, and signs with them', async () => {
    const [answer] = await ask(path, [identities]);
    const [, publicKey = ''] = readFileSync(`${key}.pub`, 'utf8').split(' ');
    expect(answer?.includes(Buffer.from(publicKey, 'base64'))).toBe(true);
    const signed = await runCommand(['ssh-keygen', '-Y', 'sign', '-f', `${key}.pub`, '-n', 'test'], {
      input: 'text',
      env: { ...process.env, SSH_AUTH_SOCK: path },
    });
    expect(signed.stdout).toContain('BEGIN SSH SIGNATURE');
  });

  it.each([
    ['adding a key', 17],
    ['adding a key with limits', 25],
    ['removing a key', 18],
    ['removing all keys', 19],
    ['locking', 22],
    ['unlocking', 23],
    ['adding a smart card', 20],
    ['adding a smart card with limits', 26],
    ['removing a smart card', 21],
    ['removing all keys of the old protocol', 9],
    ['what is not defined', 99],
  ])('L-141 refuses %s', async (_, type) => {
    const before = await ask(path, [identities]);
    expect((await ask(path, [message(type, Buffer.from([0, 0, 0, 1, 65]))])).map(typeOf)).toEqual([5]);
    expect(await ask(path, [identities])).toEqual(before);
  });

  it('L-141 answers in the order asked, whoever answers', async () => {
    const sent = [message(22), identities, message(19), identities, message(17)];
    expect((await ask(path, sent)).map(typeOf)).toEqual([5, 12, 5, 12, 5]);
  });

  it('L-141 takes messages in any pieces', async () => {
    const bytes = Buffer.concat([identities, message(22)]);
    const pieces = [...bytes].map((byte) => Buffer.from([byte]));
    expect((await ask(path, pieces, 2)).map(typeOf)).toEqual([12, 5]);
  });

  it.each([
    ['no length', Buffer.from([0, 0, 0, 0])],
    ['a length beyond all messages', Buffer.from([0xff, 0xff, 0xff, 0xff, 11])],
    ['one byte more than the most', Buffer.from([0, 4, 0, 1, 11])],
  ])('L-141 ends a connection that has %s', async (_, bytes) => {
    expect(await ask(path, [bytes], 1)).toEqual([]);
  });

  it('L-141 ends a connection when the agent does', async () => {
    const agent = join(tempFolder('gone').path, 'agent');
    const server = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => server.listen(agent, resolve));
    const own = join(tempFolder('proxy').path, 'agent');
    await using _proxy = await proxySshAgent(own, agent);
    expect(await ask(own, [identities], 1)).toEqual([]);
    server.close();
    expect(await ask(own, [identities], 1)).toEqual([]);
  });

  it('L-141 ends with its connections', async () => {
    const own = join(tempFolder('proxy').path, 'agent');
    const ending = await proxySshAgent(own, (await agents.socket('default')) ?? '');
    const socket = createConnection(own);
    await new Promise((resolve) => socket.once('connect', resolve));
    const closed = new Promise((resolve) => socket.once('close', resolve));
    await ending[Symbol.asyncDispose]();
    await closed;
    await expect(ask(own, [identities])).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

function message(type: number, body = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(1 + body.length);
  head.writeUInt8(type, 4);
  return Buffer.concat([head, body]);
}

function typeOf(answer: Buffer): number {
  return answer.readUInt8(4);
}

/** Sends all at once and waits for so many answers, or the end. */
async function ask(path: string, sent: readonly Buffer[], count = sent.length): Promise<Buffer[]> {
  const socket: Socket = createConnection(path);
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  socket.on('error', () => undefined);
  for (const bytes of sent) socket.write(bytes);
  let rest = Buffer.alloc(0);
  const answers: Buffer[] = [];
  try {
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      rest = Buffer.concat([rest, chunk]);
      while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32BE(0)) {
        const end = 4 + rest.readUInt32BE(0);
        answers.push(rest.subarray(0, end));
        rest = rest.subarray(end);
      }
      if (answers.length >= count) break;
    }
  } catch {
    // Reset: nothing more comes.
  }
  socket.destroy();
  return answers;
}
