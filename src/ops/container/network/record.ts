import { TsbuildError } from '../../../core/index.ts';
import type { ContainerNetwork } from '../../../runtime/index.ts';
import type { Store } from '../../../store/index.ts';
import { findContainer } from '../records.ts';
import { exposedByImage, portName, sortedPorts } from './ports.ts';
import type { NetworkChoices, NetworkRecord } from './types.ts';

/** What the record of a container with these choices says. Throws CONTAINER_NOT_FOUND for a network of nobody. */
export function networkRecord(
  store: Store,
  choices: NetworkChoices,
  imagePorts: Readonly<Record<string, unknown>> | undefined,
): NetworkRecord {
  const { mode, publish, exposed } = choices;
  return {
    ...choices,
    mode: mode.kind === 'container' ? { kind: 'container', id: findContainer(store, mode.name).id } : mode,
    exposed: sortedPorts([...exposedByImage(imagePorts), ...exposed, ...publish.map(portName)]),
  };
}

/** As the runtime configuration has it until the container starts, when there is a namespace to join. */
export function configuredNetwork({ mode }: NetworkRecord): ContainerNetwork {
  switch (mode.kind) {
    case 'host':
      return 'host';
    case 'bridge':
    case 'none':
      return 'none';
    case 'container':
      return { namespace: '', shared: true };
  }
}

/** What docker refuses beside a network of another container, whose names and ports are what they are. Throws USAGE. */
export function checkNetworkChoices(
  choices: NetworkChoices,
  {
    hostname,
    sysctls = {},
  }: { readonly hostname?: string | undefined; readonly sysctls?: object | undefined },
): void {
  const { mode, aliases } = choices;
  if (aliases.length > 0 && mode.kind !== 'bridge') {
    throw conflict('--network-alias', mode.kind, 'only containers on the bridge are found by name');
  }
  if (mode.kind !== 'container') return;
  const given: Readonly<Record<string, boolean>> = {
    '--hostname': hostname !== undefined,
    '--publish': choices.publish.length > 0,
    '--publish-all': choices.publishAll,
    '--expose': choices.exposed.length > 0,
    '--dns': choices.dns.nameservers.length > 0,
    '--dns-search': choices.dns.search.length > 0,
    '--dns-option': choices.dns.options.length > 0,
    '--add-host': choices.hosts.length > 0,
    // The other container's, or even the machine's, if that shares it.
    '--sysctl net.': Object.keys(sysctls).some((name) => name.startsWith('net.')),
  };
  const [flag] = Object.keys(given).filter((name) => given[name]);
  if (flag !== undefined) throw conflict(flag, 'container', 'give it to the container whose network that is');
}

function conflict(flag: string, kind: string, hint: string): TsbuildError {
  return new TsbuildError('USAGE', `${flag} cannot be combined with --network ${kind}`, { hint });
}
