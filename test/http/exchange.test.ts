import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { Agent, request } from 'undici';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';

import { dispatch } from '../../src/http/dispatch.ts';
import { exchange, type ExchangeOptions, type HttpResponse } from '../../src/http/exchange.ts';

/** A server that leaves it to `talk` what it says; its URL, and all that it was told. */
async function serve(talk: (socket: Socket) => void): Promise<{ url: string; heard: () => string }> {
  const sockets: Socket[] = [];
  let heard = '';
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined).on('data', (bytes) => (heard += bytes.toString('latin1')));
    talk(socket);
  }).listen(0, '127.0.0.1');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, heard: () => heard };
}

const asked: ExchangeOptions = { method: 'GET', headers: {}, signal: new AbortController().signal };

async function textOf({ body }: HttpResponse): Promise<string> {
  let text = '';
  for await (const bytes of body as unknown as AsyncIterable<Uint8Array>)
    text += Buffer.from(bytes).toString('latin1');
  return text;
}

function answering(answer: string, isLast = false): (socket: Socket) => void {
  return (socket) =>
    socket.once('data', () => (isLast ? socket.end(answer, 'latin1') : socket.write(answer, 'latin1')));
}

const dispatcher = new Agent();
afterAll(async () => dispatcher.destroy());
const ways = {
  exchange,
  dispatch: async (url: string, options: ExchangeOptions) => dispatch(url, options, { request, dispatcher }),
};

describe.each(['exchange', 'dispatch'] as const)('by %s, what is answered', (way) => {
  const ask = ways[way];

  it.each([
    ['its length', 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc'],
    ['its last chunk', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n'],
  ])('is an error where it is cut before %s', async (_, answer) => {
    const { url } = await serve(answering(answer, true));
    await expect(ask(url, asked).then(textOf)).rejects.toThrow(/terminated|fetch failed/);
  });

  it('is not taken for empty when it is read after the request was stopped', async () => {
    const whole = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n';
    const { url } = await serve(answering(whole));
    const stopped = new AbortController();
    const response = await ask(url, { ...asked, signal: stopped.signal });
    stopped.abort(new Error('stopped'));
    // What is destroyed drops what it has in the turns that follow.
    for (let turns = 0; turns < 20; turns += 1) await turn();
    await expect(textOf(response)).rejects.toThrow('stopped');
  });

  it('is let go of where its end never comes', async () => {
    const { url } = await serve(answering('HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n'));
    const response = await ask(url, asked);
    await expect(response.body?.cancel()).resolves.toBeUndefined();
  });

  it('keeps the coding of its content, whatever was asked for', async () => {
    const bytes = gzipSync('plain').toString('latin1');
    const head = `HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: ${bytes.length}\r\n\r\n`;
    const { url } = await serve(answering(head + bytes));
    expect(await ask(url, asked).then(textOf)).toBe(bytes);
  });

  it('is read from its header, of which there may be several', async () => {
    const lines = 'x-one: 1\r\nX-Two: 1\r\nx-two: 2\r\nx-none:\r\ncontent-length: 0';
    const { url } = await serve(answering(`HTTP/1.1 200 OK\r\n${lines}\r\n\r\n`));
    const { headers, body } = await ask(url, asked);
    expect(['X-One', 'x-two', 'x-none', 'x-other'].map((name) => headers.get(name))).toEqual([
      '1',
      '1, 2',
      '',
      null,
    ]);
    await body?.cancel();
  });
});

describe.each(['exchange', 'dispatch'] as const)('by %s, what is sent', (way) => {
  it.each([
    ['more', ['abc', 'GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n']],
    ['less', ['ab']],
  ])('never has %s bytes than were announced', async (_, parts) => {
    const { url, heard } = await serve(() => undefined);
    const body = (async function* () {
      for (const part of parts) yield await Promise.resolve(Buffer.from(part));
    })();
    const sent = ways[way](url, { ...asked, method: 'PUT', headers: { 'content-length': '3' }, body });
    await expect(sent).rejects.toThrow('fetch failed');
    expect(heard()).not.toContain('smuggled');
  });
});
