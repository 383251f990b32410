import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import type { Protocol } from '../../src/network/index.ts';
import { bindInNamespace } from '../../src/sys/index.ts';
import { runCommand } from './run-command.ts';

/** Serves its name and the address of whoever asks, on a port of a namespace. */
export async function serve(
  path: string,
  {
    name,
    port,
    address = '0.0.0.0',
    protocol = 'tcp',
  }: {
    readonly name: string;
    readonly port: number;
    readonly address?: string;
    readonly protocol?: Protocol;
  },
): Promise<Disposable> {
  const there = openSync(path, 'r');
  const fd = bindInNamespace({ fd: there }, protocol, { address, port });
  closeSync(there);
  if (protocol === 'udp') {
    const socket = createSocket('udp4');
    socket.on('message', (_, from) => socket.send(`${name} ${from.address}\n`, from.port, from.address));
    socket.bind({ fd });
    return { [Symbol.dispose]: () => void socket.close() };
  }
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => undefined);
    socket.end(`${name} ${socket.remoteAddress ?? ''}\n`);
  });
  server.listen({ fd });
  await once(server, 'listening');
  return {
    [Symbol.dispose]: () => {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}

/** What the server there says to somebody in the namespace; `nothing` when it says nothing for ten seconds. */
export async function ask(
  path: string,
  address: string,
  port: number,
  protocol: Protocol = 'tcp',
): Promise<string> {
  return askWithin(10, path, `/dev/${protocol}/${address}/${port}`);
}

/** The same of one that is not expected to answer: two seconds are long enough for `nothing`. */
export function askInVain(path: string, address: string, port: number): Promise<string> {
  return askWithin(2, path, `/dev/tcp/${address}/${port}`);
}

async function askWithin(seconds: number, path: string, server: string): Promise<string> {
  const script = `exec 3<>${server} && echo >&3 && head -n 1 <&3`;
  const { status, stdout } = await runCommand([
    'nsenter',
    `--net=${path}`,
    'timeout',
    String(seconds),
    'bash',
    '-c',
    script,
  ]);
  return status === 0 && stdout !== '' ? stdout.trim() : 'nothing';
}

/** Listens on an abstract Unix socket of the namespace, which no file system shows. */
export async function listenAbstract(path: string, name: string): Promise<AsyncDisposable> {
  const program = `require('net').createServer().listen('\\0${name}', () => console.log('up'))`;
  const child = spawn('nsenter', [`--net=${path}`, process.execPath, '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return {
    [Symbol.asyncDispose]: async () => {
      const ended = once(child, 'close');
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** A name server in the namespace, on 127.0.0.1, that answers every question with one address. */
export async function serveNames(path: string, address: string): Promise<Disposable> {
  const record = Buffer.concat([
    Buffer.from('c00c000100010000000a0004', 'hex'),
    Buffer.from(address.split('.').map(Number)),
  ]);
  const answerTo = (query: Buffer): Buffer => {
    const answer = Buffer.concat([query, record]);
    answer.writeUInt16BE(0x8180, 2);
    answer.writeUInt16BE(1, 6);
    return answer;
  };
  const there = openSync(path, 'r');
  const at = { address: '127.0.0.1', port: 53 };
  const [datagrams, stream] = (['udp', 'tcp'] as const).map((kind) =>
    bindInNamespace({ fd: there }, kind, at),
  );
  closeSync(there);
  const socket = createSocket('udp4');
  socket.on('message', (query, from) => socket.send(answerTo(query), from.port, from.address));
  socket.bind({ fd: datagrams });
  const server = createServer((client) => {
    client.on('error', () => undefined);
    client.on('data', (bytes: Buffer) => {
      const answer = answerTo(bytes.subarray(2));
      client.end(Buffer.concat([Buffer.from([0, answer.length]), answer]));
    });
  });
  server.listen({ fd: stream });
  await once(server, 'listening');
  return {
    [Symbol.dispose]: () => {
      socket.close();
      server.close();
    },
  };
}

/** The addresses of the name, from the server that a container asks. */
export async function resolve(path: string, name: string, over: Protocol = 'udp'): Promise<string[]> {
  const labels = name.split('.').flatMap((label) => [Buffer.from([label.length]), Buffer.from(label)]);
  const query = Buffer.concat([
    Buffer.from('123401000001000000000000', 'hex'),
    ...labels,
    Buffer.from('0000010001', 'hex'),
  ]);
  if (over === 'tcp') return resolveByTcp(path, query);
  const there = openSync(path, 'r');
  const fd = bindInNamespace({ fd: there }, 'udp', { address: '127.0.0.1', port: 0 });
  closeSync(there);
  const socket = createSocket('udp4');
  socket.bind({ fd });
  try {
    const answer = once(socket, 'message', { signal: AbortSignal.timeout(60_000) });
    socket.send(query, 53, '127.0.0.11');
    return addressesIn((await answer)[0] as Buffer, query.length);
  } finally {
    socket.close();
  }
}

async function resolveByTcp(path: string, query: Buffer): Promise<string[]> {
  const bytes = Buffer.concat([Buffer.from([0, query.length]), query]);
  const text = [...bytes].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
  const script = `exec 3<>/dev/tcp/127.0.0.11/53 && printf '${text}' >&3 && head -c ${query.length + 18} <&3`;
  const { stdoutBytes } = await runCommand([
    'nsenter',
    `--net=${path}`,
    'timeout',
    '60',
    'bash',
    '-c',
    script,
  ]);
  return addressesIn(stdoutBytes.subarray(2), query.length);
}

/** Of answers whose records are all of 16 bytes: addresses whose name is a pointer. */
function addressesIn(answer: Buffer, questionLength: number): string[] {
  const count = answer.readUInt16BE(6);
  return Array.from({ length: count }, (_, index) => {
    const end = questionLength + 16 * (index + 1);
    return [...answer.subarray(end - 4, end)].join('.');
  });
}

/** Ends with the disposal: a process that lives in the namespace and does nothing. */
export async function idleProcess(path: string): Promise<AsyncDisposable> {
  const child = spawn('nsenter', [`--net=${path}`, 'sh', '-c', 'echo up; exec sleep 600'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await once(child.stdout, 'data');
  return {
    [Symbol.asyncDispose]: async () => {
      const ended = once(child, 'close');
      child.kill('SIGKILL');
      await ended;
    },
  };
}
