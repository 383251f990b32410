import { TsbuildError } from '../core/index.ts';
import type { TlsSettings } from '../http/index.ts';
import { familiarName, formatReference, registryHost, type Reference } from '../oci/index.ts';
import { aliases } from './credentials.ts';
import { readHostRules, type HostEntry, type HostRules } from './hosts-toml.ts';
import { certificatesIn, hostCertificates } from './host-certificates.ts';
import {
  covered,
  readRegistryRules,
  ruleFor,
  type ConfigPlaces,
  type MirrorRule,
} from './registries-conf.ts';
import { registryVariables } from './variables.ts';

/** Where the content of a name may be. */
export interface RegistryPlace {
  /** Host to dial, with its port. */
  readonly host: string;
  readonly repository: string;
  /** The user said of it by name that plain http and any certificate will do. */
  readonly insecure: boolean;
  /** Of a mirror: the registry that it stands for. */
  readonly mirrors?: string | undefined;
  /** The registry that is meant, told to a host of another name with what is read from it. */
  readonly namespace?: string | undefined;
  /** Path below which repositories are; `/v2` unless told. */
  readonly root?: string | undefined;
  /** Takes the place of the host's folder of certificates. */
  readonly tls?: Omit<TlsSettings, 'verify'> | undefined;
  /** Sent to this host with every request. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** What the machine and the user have decided about registries. */
export interface RegistrySettings {
  /** Where a name is read from: mirrors in their order, then the registry itself. Throws REGISTRY_DENIED where it is blocked. */
  readTo(reference: Reference): readonly RegistryPlace[];
  /** Where a name is pushed to: a mirror only where a hosts.toml says so. Throws REGISTRY_DENIED. */
  pushTo(reference: Reference): RegistryPlace;
  /** How the certificate of a host is checked while a place is spoken to; undefined for as any other's. */
  tls(url: URL, place: Pick<RegistryPlace, 'host' | 'insecure' | 'tls'>): TlsSettings | undefined;
  /** A host as it is spoken to when no repository of it is meant: insecure where that was said of all that it has. */
  hostPlace(host: string): Pick<RegistryPlace, 'host' | 'insecure' | 'tls'>;
  /** https alone is spoken, also to this machine. */
  readonly isStrict: boolean;
}

/** Read from registries.conf, certs.d and the environment, whose files may change between two calls. */
export function registrySettings(places: ConfigPlaces = {}): RegistrySettings {
  const { environment = process.env } = places;
  const rules = readRegistryRules(places);
  const isStrict = environment[registryVariables.tlsVerify] === '1';
  const named = (environment[registryVariables.insecure] ?? '')
    .split(',')
    .flatMap((name) => name.trim() || []);
  const isInsecure = (host: string): boolean =>
    !isStrict && aliases(host).some((name) => named.includes(name));
  const certificates = new Map<string, TlsSettings | undefined>();
  const hostRules = new Map<string, HostRules | undefined>();
  const hostRulesOf = (registry: string, host: string): HostRules | undefined => {
    if (!hostRules.has(registry)) hostRules.set(registry, readHostRules([registry, host], places));
    return hostRules.get(registry);
  };
  const [certified, folder] = splitAt('=', environment[registryVariables.certificates]);

  const placesOf = (reference: Reference): readonly RegistryPlace[] => {
    const name = formatReference(reference);
    const rule = ruleFor(rules, name);
    if (rule === undefined) {
      const { mirrors, own } = hostPlaces(reference);
      return [...mirrors, own];
    }
    if (rule.blocked) {
      throw new TsbuildError('REGISTRY_DENIED', `${familiarName(reference)} is blocked by ${rule.path}`);
    }
    const from = covered(rule.prefix, name) ?? '';
    const moved = (location: string): string => location + name.slice(from.length);
    const own = placeOf(moved(rule.location ?? from), rule);
    const mirrors = rule.mirrors
      .filter((mirror) => isServed(mirror, reference))
      .map((mirror) => asMirror(placeOf(moved(mirror.location), mirror), reference));
    return [...mirrors, own];
  };

  /** What hosts.toml has for the registry; registries.conf goes before it. */
  const hostPlaces = (reference: Reference): HostPlaces => {
    const plain = placeOf(formatReference(reference), { insecure: false });
    const rules = hostRulesOf(reference.registry, plain.host);
    const at = ({ host, root, insecure, tls, headers }: HostEntry): RegistryPlace => ({
      ...plain,
      ...{ host, root, tls, headers },
      insecure: (insecure && !isStrict) || isInsecure(host),
    });
    const server = rules?.server === undefined ? plain : at(rules.server);
    const own = server.host === plain.host ? server : { ...server, namespace: reference.registry };
    const hosts = rules?.hosts ?? [];
    const pushed = hosts.find(({ pushes }) => pushes);
    return {
      mirrors: hosts
        .filter(({ serves }) => serves !== undefined && isServed({ serves }, reference))
        .map((entry) => asMirror(at(entry), reference)),
      own,
      pushed: pushed === undefined ? own : at(pushed),
    };
  };

  const placeOf = (name: string, { insecure }: { readonly insecure: boolean }): RegistryPlace => {
    const slash = name.indexOf('/');
    if (slash === -1) {
      // Its tag would be taken for a port.
      throw new TsbuildError(
        'REGISTRY_CONFIG_INVALID',
        `registries.conf leads to ${name}, which has no path`,
        {
          hint: 'where a prefix is a whole name, its location must be one',
        },
      );
    }
    const host = registryHost(name.slice(0, slash));
    const repository = name
      .slice(slash + 1)
      .replace(/@.*$/, '')
      .replace(/:[^/]*$/, '');
    return { host, repository, insecure: (insecure && !isStrict) || isInsecure(host) };
  };

  return {
    isStrict,
    hostPlace(host) {
      // Of the host as a whole: what is said of a part of it says nothing of the rest.
      const rule = aliases(host).flatMap((name) => ruleFor(rules, `${name}/`) ?? [])[0];
      if (rule !== undefined) return { host, insecure: (rule.insecure && !isStrict) || isInsecure(host) };
      const [registry = host] = aliases(host);
      const { server, hosts = [] } = hostRulesOf(registry, host) ?? {};
      const entry = [server, ...hosts].find((one) => one?.host === host);
      const insecure = (entry?.insecure === true && !isStrict) || isInsecure(host);
      return { host, insecure, tls: entry?.tls };
    },
    readTo: placesOf,
    pushTo(reference) {
      if (ruleFor(rules, formatReference(reference)) === undefined) return hostPlaces(reference).pushed;
      const own = placesOf(reference).at(-1);
      if (own === undefined) throw new Error('a name without a place');
      return own;
    },
    tls(url, place) {
      // A URL leaves out the port that its scheme has anyway.
      const isPlace = new URL(`${url.protocol}//${place.host}`).host === url.host;
      const host = isPlace ? place.host : url.host;
      const insecure = (isPlace && place.insecure) || isInsecure(host);
      const named = aliases(host).includes(certified) ? folder : undefined;
      if (isPlace && place.tls !== undefined && named === undefined)
        return { ...place.tls, verify: !insecure };
      const key = `${String(insecure)} ${host}`;
      if (!certificates.has(key)) certificates.set(key, tlsOf(host, { insecure, places, named }));
      return certificates.get(key);
    },
  };
}

function asMirror(place: RegistryPlace, { registry }: Reference): RegistryPlace {
  return { ...place, mirrors: registry, namespace: registry };
}

interface HostPlaces {
  readonly mirrors: readonly RegistryPlace[];
  readonly own: RegistryPlace;
  readonly pushed: RegistryPlace;
}

function isServed({ serves }: Pick<MirrorRule, 'serves'>, { digest }: Reference): boolean {
  return serves === 'all' || (serves === 'digest-only') === (digest !== undefined);
}

function tlsOf(
  host: string,
  {
    insecure,
    places,
    named,
  }: {
    readonly insecure: boolean;
    readonly places: ConfigPlaces;
    /** The folder that the user named for the host. */
    readonly named: string | undefined;
  },
): TlsSettings | undefined {
  const found =
    named === undefined
      ? aliases(host).flatMap((name) => hostCertificates(name, places) ?? [])[0]
      : certificatesIn(named);
  if (found === undefined && !insecure) return undefined;
  return { authorities: [], ...found, verify: !insecure };
}

function splitAt(separator: string, text = ''): readonly [before: string, after: string] {
  const at = text.indexOf(separator);
  return at === -1 ? ['', ''] : [text.slice(0, at), text.slice(at + separator.length)];
}
