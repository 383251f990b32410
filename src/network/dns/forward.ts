import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';
import { isResponse, questionOf } from './message.ts';

/** How long one server is waited for, in milliseconds; resolvers themselves ask again after 5 s. */
const patience = 2000;

/** The answer of the first server that gives one; undefined when none does. */
export async function forward(
  query: Buffer,
  servers: readonly string[],
  over: 'udp' | 'tcp',
): Promise<Buffer | undefined> {
  for (const server of servers) {
    const reply = await (over === 'udp' ? askUdp(query, server) : askTcp(query, server));
    if (reply !== undefined && answers(reply, query)) return reply;
  }
  return undefined;
}

/** A question back with another name or id is not the answer, whoever sent it. */
function answers(reply: Buffer, query: Buffer): boolean {
  const [asked, told] = [questionOf(query), questionOf(reply)];
  return isResponse(reply) && asked !== undefined && told?.id === asked.id && told.name === asked.name;
}

/** One socket a query: its port is as random as the id, and only the server's datagrams reach a connected one. */
function askUdp(query: Buffer, server: string): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket(isIPv6(server) ? 'udp6' : 'udp4');
    let open = true;
    const end = (reply?: Buffer): void => {
      if (!open) return;
      open = false;
      clearTimeout(timer);
      socket.close();
      resolve(reply);
    };
    const timer = setTimeout(() => end(), patience);
    socket.on('error', () => end());
    socket.on('message', (reply) => {
      if (answers(reply, query)) end(reply);
    });
    socket.connect(53, server, () => {
      if (open) socket.send(query);
    });
  });
}

function askTcp(query: Buffer, server: string): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: server, port: 53 });
    let received = Buffer.alloc(0);
    const end = (reply?: Buffer): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(reply);
    };
    const timer = setTimeout(() => end(), patience);
    socket.on('error', () => end());
    socket.on('close', () => end());
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      const message = takeFramed(received);
      if (message !== undefined) end(message.message);
    });
    socket.on('connect', () => socket.write(framed(query)));
  });
}

/** Over TCP a message follows its length in two bytes; RFC 1035 section 4.2.2. */
export function framed(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}

export function takeFramed(bytes: Buffer): { readonly message: Buffer; readonly rest: Buffer } | undefined {
  if (bytes.length < 2) return undefined;
  const end = 2 + bytes.readUInt16BE();
  return bytes.length < end ? undefined : { message: bytes.subarray(2, end), rest: bytes.subarray(end) };
}
