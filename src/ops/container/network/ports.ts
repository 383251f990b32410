import { TsbuildError } from '../../../core/index.ts';
import type { BoundPort, Protocol, PublishedPort } from '../../../network/types.ts';

/** A port of a container, as `80/tcp`. */
export interface ContainerPort {
  readonly port: number;
  readonly protocol: Protocol;
}

const largestPort = 65535;
const form = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp))?$/i;

/** `80`, `80/udp` or `8000-8010/tcp` as `80/tcp` each; undefined for anything else. */
function portNames(text: string): readonly string[] | undefined {
  const [, from = '', to = from, protocol = 'tcp'] = form.exec(text) ?? [];
  const [first, last] = [Number(from), Number(to)];
  if (!(first >= 1 && first <= last && last <= largestPort)) return undefined;
  return Array.from({ length: last - first + 1 }, (_, index) => `${first + index}/${protocol.toLowerCase()}`);
}

/** `--expose`. Throws USAGE. */
export function parseExpose(text: string): readonly string[] {
  const names = portNames(text);
  if (names !== undefined) return names;
  throw new TsbuildError('USAGE', `--expose: invalid value ${JSON.stringify(text)}`, {
    hint: 'expected port[-port][/tcp|udp] such as 80, 53/udp or 8000-8010',
  });
}

/** The `ExposedPorts` of an image, of which nobody promises that they make sense: what cannot be published is left out. */
export function exposedByImage(ports: Readonly<Record<string, unknown>> | undefined): readonly string[] {
  return Object.keys(ports ?? {}).flatMap((text) => portNames(text) ?? []);
}

/** `80` or `80/udp`. Throws USAGE. */
export function parseContainerPort(text: string): ContainerPort {
  const [name, ...more] = portNames(text) ?? [];
  if (name !== undefined && more.length === 0) return containerPort(name);
  throw new TsbuildError('USAGE', `invalid port: ${JSON.stringify(text)}`, {
    hint: 'expected port[/tcp|udp] such as 80 or 53/udp',
  });
}

/** Of `80/tcp`. */
function containerPort(name: string): ContainerPort {
  const [port, protocol] = name.split('/');
  return { port: Number(port), protocol: protocol === 'udp' ? 'udp' : 'tcp' };
}

/** What `-P` publishes: every exposed port that has no port of the host already, at a free one. */
export function publishedByAll(
  exposed: readonly string[],
  published: readonly PublishedPort[],
): readonly PublishedPort[] {
  return exposed
    .map(containerPort)
    .filter(
      ({ port, protocol }) =>
        !published.some((each) => each.containerPort === port && each.protocol === protocol),
    )
    .map(({ port, protocol }) => ({
      protocol,
      hostAddress: undefined,
      hostPorts: undefined,
      containerPort: port,
    }));
}

/** By port, UDP behind TCP. */
export function sortedPorts(names: Iterable<string>): readonly string[] {
  return [...new Set(names)].sort((one, other) => {
    const [a, b] = [containerPort(one), containerPort(other)];
    return a.port - b.port || a.protocol.localeCompare(b.protocol);
  });
}

export function portName({
  containerPort: port,
  protocol,
}: Pick<BoundPort, 'containerPort' | 'protocol'>): string {
  return `${port}/${protocol}`;
}

/** As docker writes it, `[::1]:8080`. */
export function hostEndpoint({ hostAddress, hostPort }: BoundPort): string {
  return `${hostAddress.includes(':') ? `[${hostAddress}]` : hostAddress}:${hostPort}`;
}

/** The ports of a running container in one line, as `docker ps` has them: neighbours as a range, exposed ones behind. */
export function portsText(bound: readonly BoundPort[], exposed: readonly string[]): string {
  const taken = new Set(bound.map(portName));
  const inner = sortedPorts(exposed).filter((name) => !taken.has(name));
  return [...boundRanges(bound), ...innerRanges(inner)].join(', ');
}

function boundRanges(bound: readonly BoundPort[]): string[] {
  const sorted = bound.toSorted(
    (a, b) =>
      a.hostAddress.localeCompare(b.hostAddress) ||
      a.protocol.localeCompare(b.protocol) ||
      a.containerPort - b.containerPort ||
      a.hostPort - b.hostPort,
  );
  const follows = (one: BoundPort, other: BoundPort): boolean =>
    one.hostAddress === other.hostAddress &&
    one.protocol === other.protocol &&
    one.containerPort + 1 === other.containerPort &&
    one.hostPort + 1 === other.hostPort;
  return runsOf(sorted, follows).map(([first, last]) => {
    const host = hostEndpoint(first) + (first === last ? '' : `-${last.hostPort}`);
    return `${host}->${rangeText(first.containerPort, last.containerPort)}/${first.protocol}`;
  });
}

function innerRanges(names: readonly string[]): string[] {
  const ports = names.map(containerPort).toSorted((a, b) => a.protocol.localeCompare(b.protocol));
  const follows = (one: ContainerPort, other: ContainerPort): boolean =>
    one.protocol === other.protocol && one.port + 1 === other.port;
  return runsOf(ports, follows).map(
    ([first, last]) => `${rangeText(first.port, last.port)}/${first.protocol}`,
  );
}

/** The first and the last of every run of neighbours. */
function runsOf<T>(sorted: readonly T[], follows: (one: T, other: T) => boolean): (readonly [T, T])[] {
  const runs: (readonly [T, T])[] = [];
  for (const each of sorted) {
    const run = runs.at(-1);
    if (run !== undefined && follows(run[1], each)) runs[runs.length - 1] = [run[0], each];
    else runs.push([each, each]);
  }
  return runs;
}

function rangeText(first: number, last: number): string {
  return first === last ? String(first) : `${first}-${last}`;
}
