import { nearestName, TsbuildError } from '../../core/index.ts';
import type { CdiDevice, CdiRegistry } from './registry.ts';
import { kindPattern } from './kind.ts';

/** A device as a Dockerfile asks for it. */
export interface DeviceRequest {
  readonly name: string;
  readonly required: boolean;
}

const classAnnotation = 'org.mobyproject.buildkit.device.class';

/**
 * The devices that the names stand for, each once, in the order asked for: `vendor/class=name`, `=*` for all of a kind,
 * `vendor/class` for its first, a class of the annotation, alone or after a kind (L-126). Throws DOCKERFILE_INVALID for
 * what is no name, HOST_UNSUPPORTED for a required device that is not registered.
 */
export function findDevices(
  requests: readonly DeviceRequest[],
  registry: CdiRegistry,
): { readonly devices: readonly CdiDevice[]; readonly missing: readonly string[] } {
  const devices = new Set<CdiDevice>();
  const missing: string[] = [];
  for (const request of requests) {
    const found = find(request.name, registry.devices);
    for (const device of found) devices.add(device);
    if (found.length > 0) continue;
    if (request.required) throw notRegistered(request.name, registry);
    missing.push(request.name);
  }
  return { devices: [...devices], missing };
}

function find(text: string, all: readonly CdiDevice[]): readonly CdiDevice[] {
  const equals = text.indexOf('=');
  const kind = equals < 0 ? text : text.slice(0, equals);
  const name = equals < 0 ? '' : text.slice(equals + 1);
  if (equals < 0 && /^[A-Za-z0-9_.-]+$/.test(kind)) return ofClass(all, kind);
  if (!kindPattern().test(kind) || !/^[A-Za-z0-9_.:*-]*$/.test(name)) {
    throw new TsbuildError('DOCKERFILE_INVALID', `invalid device ${JSON.stringify(text)}`, {
      hint: 'expected vendor.com/class=name, vendor.com/class=*, vendor.com/class or a class of devices',
    });
  }
  const ofKind = all.filter((device) => device.kind === kind);
  if (name === '') return ofKind.slice(0, 1);
  if (name === '*') return ofKind;
  const named = ofKind.filter(({ qualified }) => qualified === text);
  return named.length > 0 ? named : ofClass(ofKind, name);
}

function ofClass(devices: readonly CdiDevice[], name: string): readonly CdiDevice[] {
  return devices.filter(({ annotations }) => annotations[classAnnotation] === name);
}

function notRegistered(name: string, { devices, problems }: CdiRegistry): TsbuildError {
  const near = nearestName(
    name,
    devices.map(({ qualified }) => qualified),
  );
  const [problem] = problems;
  const advice =
    near === undefined
      ? 'devices are registered by CDI specs in /etc/cdi or /var/run/cdi'
      : `did you mean ${near}?`;
  return new TsbuildError('HOST_UNSUPPORTED', `required device ${JSON.stringify(name)} is not registered`, {
    hint: problem === undefined ? advice : `${advice}; a spec could not be read: ${problem}`,
  });
}
