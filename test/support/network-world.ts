import { fork, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import type { AttachOptions, BoundPort, NetworkKind, Protocol } from '../../src/network/index.ts';
import { bindInNamespace, newNetworkNamespace, type NetworkNamespace } from '../../src/sys/index.ts';
import { runCommand, runOk } from './run-command.ts';
import { tempFolder } from './temp-folder.ts';

/** Addresses of the world's own, which are for documentation and nobody's. */
export const hostAddress = '198.51.100.1';
export const internetAddress = '198.51.100.2';

export type AgentRequest =
  | { readonly do: 'open'; readonly kind: NetworkKind }
  | { readonly do: 'attach'; readonly options?: AttachOptions }
  | { readonly do: 'detach'; readonly id: number }
  | { readonly do: 'pool'; readonly size: number }
  | { readonly do: 'take' }
  | { readonly do: 'give-back'; readonly id: number; readonly reusable?: boolean }
  | { readonly do: 'sweep' }
  | { readonly do: 'close' };

export type AgentReply =
  { readonly value: unknown } | { readonly error: { readonly message: string; readonly code: string } };

export interface AgentAttached {
  readonly id: number;
  readonly path: string;
  readonly address: string;
  readonly gateway: string;
  readonly mac: string;
  readonly nameservers: readonly string[];
  readonly ports: readonly BoundPort[];
}

export interface AgentOpened {
  readonly available: boolean;
  readonly reason?: string;
  readonly message?: string;
  readonly bridge: string;
  readonly gateway: string;
}

/** A process that holds networks, as a build or the monitor of a container does. */
export interface NetworkAgent extends AsyncDisposable {
  ask(request: AgentRequest): Promise<unknown>;
  open(kind: NetworkKind): Promise<AgentOpened>;
  attach(options?: AttachOptions): Promise<AgentAttached>;
  take(): Promise<AgentAttached>;
  close(): Promise<unknown>;
  /** kill -9, and waits until it is dead. */
  kill(): Promise<void>;
}

/**
 * A machine of its own: a namespace that stands for the host, on a cable to one that stands for the internet and knows
 * no way back to anything behind the host. No real network is needed, and no rule of the real host is touched.
 */
export class NetworkWorld implements AsyncDisposable {
  readonly host: NetworkNamespace = newNetworkNamespace();
  readonly internet: NetworkNamespace = newNetworkNamespace();
  readonly folder = join(tempFolder('network').path, 'state');
  readonly #agents = new Set<NetworkAgent>();

  static async make(): Promise<NetworkWorld> {
    const world = new NetworkWorld();
    await world.onHost(
      'ip link set lo up',
      `ip link add eth0 type veth peer name eth0 netns ${world.internet.path}`,
      `ip address add ${hostAddress}/24 dev eth0`,
      'ip link set eth0 up',
      'echo 0 >/proc/sys/net/ipv4/ip_forward',
    );
    await runOk(
      inside(
        world.internet.path,
        `ip link set lo up; ip address add ${internetAddress}/24 dev eth0; ip link set eth0 up`,
      ),
    );
    await world.onHost(`ip route add default via ${internetAddress}`);
    return world;
  }

  /** Shell commands in the host's network; their output. */
  async onHost(...commands: readonly string[]): Promise<string> {
    return runOk(inside(this.host.path, commands.join('\n')));
  }

  /** `wrap` is a program and its arguments that start the process in surroundings of its own. */
  agent(wrap: readonly string[] = [], folder = this.folder): NetworkAgent {
    const agent = startAgent(this.host.path, wrap, folder);
    this.#agents.add(agent);
    return agent;
  }

  /** Links, rules and whether it forwards: what a program could leave behind. */
  async traces(): Promise<string> {
    return this.onHost(
      "ip -o link | sed 's/^[0-9]*: //; s/ .*//'",
      'nft list ruleset',
      'cat /proc/sys/net/ipv4/ip_forward',
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const agent of this.#agents) await agent.kill();
    this.host[Symbol.dispose]();
    this.internet[Symbol.dispose]();
  }
}

function inside(path: string, script: string): string[] {
  return ['nsenter', `--net=${path}`, 'sh', '-ec', script];
}

function startAgent(host: string, wrap: readonly string[], folder: string): NetworkAgent {
  const child = fork(join(import.meta.dirname, 'network-agent.ts'), [folder], {
    execPath: 'nsenter',
    execArgv: [`--net=${host}`, ...wrap, process.execPath],
  });
  const waiting = new Map<number, (answer: AgentReply) => void>();
  const ended = once(child, 'close').then(() => {
    for (const answer of waiting.values()) answer({ error: { message: 'the process ended', code: 'ENDED' } });
  });
  child.on('message', ({ id, answer }: { readonly id: number; readonly answer: AgentReply }) => {
    waiting.get(id)?.(answer);
    waiting.delete(id);
  });
  let count = 0;
  const ask = async (request: AgentRequest): Promise<unknown> => {
    const id = ++count;
    const answer = await new Promise<AgentReply>((resolve) => {
      waiting.set(id, resolve);
      child.send({ id, request });
    });
    if ('value' in answer || !('error' in answer)) return 'value' in answer ? answer.value : undefined;
    throw Object.assign(new Error(answer.error.message), { code: answer.error.code });
  };
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
  };
  return {
    ask,
    open: async (kind) => (await ask({ do: 'open', kind })) as AgentOpened,
    attach: async (options = {}) => (await ask({ do: 'attach', options })) as AgentAttached,
    take: async () => (await ask({ do: 'take' })) as AgentAttached,
    close: () => ask({ do: 'close' }),
    kill,
    [Symbol.asyncDispose]: kill,
  };
}

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

/** What the server there says to somebody in the namespace; `nothing` when there is no answer within two seconds. */
export async function ask(
  path: string,
  address: string,
  port: number,
  protocol: Protocol = 'tcp',
): Promise<string> {
  const script = `exec 3<>/dev/${protocol}/${address}/${port} && echo >&3 && head -n 1 <&3`;
  const { status, stdout } = await runCommand([
    'nsenter',
    `--net=${path}`,
    'timeout',
    '2',
    'bash',
    '-c',
    script,
  ]);
  return status === 0 && stdout !== '' ? stdout.trim() : 'nothing';
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
    const answer = once(socket, 'message', { signal: AbortSignal.timeout(6000) });
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
    '6',
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
