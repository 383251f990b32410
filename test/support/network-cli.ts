import { afterAll, afterEach, beforeAll, expect } from 'vitest';

import { tsbuildWithBusybox, type Tsbuild } from './cli.ts';
import { NetworkWorld } from './network-world.ts';
import { requires } from './requires.ts';

/** What tests read of `tsbuild inspect`. */
export interface Inspected {
  readonly Id: string;
  readonly State: { readonly Pid: number };
  readonly Config: { readonly Hostname: string; readonly ExposedPorts?: object };
  readonly HostConfig: { readonly NetworkMode: string; readonly PortBindings: object };
  readonly NetworkSettings: {
    readonly IPAddress: string;
    readonly Gateway: string;
    readonly MacAddress: string;
    readonly Ports: Readonly<
      Record<string, readonly { readonly HostIp: string; readonly HostPort: string }[] | null>
    >;
    readonly Networks: Readonly<Record<string, { readonly IPAddress: string }>>;
  };
}

/** A command line in a machine of its own, for all tests of a describe; each leaves no container to the next. */
export interface NetworkCli {
  readonly world: NetworkWorld;
  readonly cli: Tsbuild;
  /** Traces of the machine when nothing ran yet. */
  readonly before: string;
  /** A container in the background that says its name to whoever connects to port 80; its id. */
  server(name: string, ...flags: readonly string[]): Promise<string>;
  /** Output of a shell script in a container that runs. */
  inside(name: string, script: string): Promise<string>;
  /** Output of a shell script in a new container, whatever becomes of it. */
  sh(script: string, ...flags: readonly string[]): Promise<string>;
  inspect(name: string): Promise<Inspected>;
}

/** Shell command that serves a name on port 80. */
function serving(name: string): string {
  return `exec nc -ll -p 80 -e sh -c "read x; echo ${name}"`;
}

/** Shell command that asks such a server; `within`: seconds, which one that must not answer takes. */
export function talk(address: string, port = 80, within = 60): string {
  return `echo | nc -w ${within} ${address} ${port}`;
}

/** First line of a describe; `use` is given the command line before the first test. */
export function withNetworkCli(use: (made: NetworkCli) => void): void {
  requires('root', 'overlay', 'tool:busybox', 'tool:ip', 'tool:nft', 'tool:nsenter');
  let made: NetworkCli | undefined;
  beforeAll(async () => {
    made = await makeNetworkCli();
    use(made);
  });
  afterEach(async () => {
    if (made === undefined) return;
    const ids = (await made.cli.ok(['ps', '-aq'])).split('\n').filter(Boolean);
    if (ids.length > 0) await made.cli.ok(['rm', '-f', ...ids]);
  });
  afterAll(async () => {
    if (made === undefined) return;
    await made.world[Symbol.asyncDispose]();
  });
}

async function makeNetworkCli(): Promise<NetworkCli> {
  const world = await NetworkWorld.make();
  const cli = await tsbuildWithBusybox(undefined, ['nsenter', `--net=${world.host.path}`]);
  const inside = async (name: string, script: string): Promise<string> =>
    (await cli.run(['exec', name, 'sh', '-c', script])).stdout.trim();
  return {
    world,
    cli,
    before: await world.traces(),
    inside,
    async server(name, ...flags) {
      const argv = ['run', '-d', '--name', name, ...flags, 'busybox:1', 'sh', '-c', serving(name)];
      const id = await cli.ok(argv);
      await expect.poll(() => inside(name, 'netstat -ltn | grep -c ":80 "')).toBe('1');
      return id;
    },
    async sh(script, ...flags) {
      const { stdout, stderr } = await cli.run(['run', '--rm', ...flags, 'busybox:1', 'sh', '-c', script]);
      return (stdout + stderr).trim();
    },
    async inspect(name) {
      const [found] = JSON.parse(await cli.ok(['inspect', name])) as [Inspected];
      return found;
    },
  };
}
