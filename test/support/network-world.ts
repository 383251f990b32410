import { fork } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import type { AttachOptions, BoundPort, NetworkKind } from '../../src/network/index.ts';
import { newNetworkNamespace, type NetworkNamespace } from '../../src/sys/index.ts';
import { requires } from './requires.ts';
import { runOk } from './run-command.ts';
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
    // The kernel gives the numbers of dead namespaces again, so a killed test may have left something under this one.
    rmSync(world.stateFolder, { recursive: true, force: true });
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

  /** Where command lines run on the host keep what they share. */
  get stateFolder(): string {
    return `/run/tsbuild/network-${statSync(this.host.path).ino}`;
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
    rmSync(this.stateFolder, { recursive: true, force: true });
    this.host[Symbol.dispose]();
    this.internet[Symbol.dispose]();
  }
}

/** First line of a describe: each of its tests has a world of its own, that `use` is given. Skips where none can be made. */
export function withNetworkWorld(use: (world: NetworkWorld) => void | Promise<void>): void {
  requires('root', 'tool:ip', 'tool:nft', 'tool:nsenter');
  let world: NetworkWorld | undefined;
  beforeEach(async () => {
    world = await NetworkWorld.make();
    await use(world);
  });
  afterEach(async () => {
    await world?.[Symbol.asyncDispose]();
  });
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
