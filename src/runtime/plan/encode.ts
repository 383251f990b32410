import { TsbuildError } from '../../core/index.ts';
import {
  accessTimeMask,
  accessTimes,
  capabilityMask,
  mountAttributes,
  namespaceFlags,
  nodeTypes,
  opCodes,
  propagationFlags,
  rlimits,
} from './numbers.ts';
import type {
  HookOp,
  MountAttribute,
  MountChanges,
  NamespaceToJoin,
  OverlayLayers,
  Propagation,
  SetupOp,
} from './ops.ts';
import { RequestWriter } from './writer.ts';

/** Of native/launcher_wire.h. */
const magic = 0x4c425354;
const version = 1;
const sizeLimit = 16 * 1024 * 1024;

/** The plan as the launcher reads it; see native/launcher_wire.h for the format. Throws RUNTIME_SETUP. */
export function encodeRequest(plan: readonly SetupOp[]): Buffer {
  const request = new RequestWriter().u32s([magic, version]);
  request.measured(() => {
    for (const op of plan) request.u32(opCodes[op.kind]).measured(() => writeFields(request, op));
  });
  if (request.length > sizeLimit) {
    throw new TsbuildError('RUNTIME_SETUP', 'the command, its environment and its mounts are too large');
  }
  return request.result();
}

function writeFields(to: RequestWriter, op: SetupOp): RequestWriter {
  switch (op.kind) {
    case 'cleanup':
      return to.strings(op.folders);
    case 'device-program':
      return to.string(op.folder).bytes(op.program);
    case 'oom-score':
      return to.string(String(op.value));
    case 'id-map':
      return to.string(op.uidMap).string(op.gidMap);
    case 'clone':
      return writeClone(to, op);
    case 'join-cgroup':
      return to.strings(op.files);
    case 'enter':
      return writeJoins(to, op.join);
    case 'unshare':
      return to.u32(flagsOf(op.namespaces, namespaceFlags));
    case 'propagation':
      return to.string(op.path).u32(propagationFlags[op.propagation]);
    case 'root-overlay':
      return writeLayers(to.string(op.scratch), op.layers);
    case 'root-folder':
      return to.string(op.path);
    case 'root-bind':
      return to.string(op.scratch).string(op.path);
    case 'mount':
      return writeMount(to, op);
    case 'bind':
      to.string(op.source).string(op.subpath).string(op.destination).flag(op.recursive);
      writeChanges(to, op.changes).u32(op.ids === undefined ? 0 : op.ids.map + 1);
      return to.flag(op.ids?.recursive === true);
    case 'overlay':
      to.string(op.scratch).string(op.subpath).string(op.destination);
      return writeLayers(writeChanges(to, op.changes), op.layers);
    case 'directory':
      return to.string(op.path).u32(op.mode);
    case 'device':
      to.string(op.path).u32(nodeTypes[op.type] | op.mode);
      return to.u32s([op.major, op.minor, op.uid, op.gid]);
    case 'hook':
    case 'start-hook':
      return writeHook(to, op);
    case 'symlink':
      return to.string(op.target).string(op.path);
    case 'mask':
    case 'readonly-path':
      return to.string(op.path);
    case 'terminal':
      return to.u32s([op.columns, op.rows, op.uid]);
    case 'stdio':
      return to.u32(op.uid);
    case 'hostname':
    case 'domainname':
      return to.string(op.name);
    case 'sysctl':
      return to.string(op.path).string(op.value);
    case 'label':
      return to.string(op.attribute).string(op.value);
    case 'rlimit':
      return writeRlimit(to, op);
    case 'cwd':
      to.string(op.path).flag(op.create !== undefined);
      return to.u32s([op.create?.uid ?? 0, op.create?.gid ?? 0]);
    case 'bounding':
      return to.u64(capabilityMask(op.capabilities));
    case 'user':
      return to.u32s([op.uid, op.gid, op.groups?.length ?? keptGroups, ...(op.groups ?? [])]);
    case 'umask':
      return to.u32(op.mask);
    case 'seccomp':
      return to.u32(op.flags).bytes(op.program);
    case 'capabilities':
      to.u64(capabilityMask(op.effective)).u64(capabilityMask(op.permitted));
      return to.u64(capabilityMask(op.inheritable)).u64(capabilityMask(op.ambient));
    case 'exec':
      return to.strings(op.args).strings(op.env);
    case 'leave-rest':
    case 'reap-rest':
    case 'chroot':
    case 'init':
    case 'readonly-root':
    case 'nodev-root':
    case 'pivot':
    case 'hook-point':
    case 'loopback':
    case 'keyring':
    case 'no-new-privileges':
      return to;
  }
}

function flagsOf<Name extends string>(names: readonly Name[], table: Readonly<Record<Name, number>>): number {
  return names.reduce((flags, name) => flags | table[name], 0);
}

/** In the place of a count: KEPT_GROUPS of native/launcher_process.h. */
const keptGroups = 0xffffffff;

const outputs = { relayed: 0, pipes: 1, terminal: 2 } as const;

function writeClone(to: RequestWriter, op: SetupOp & { readonly kind: 'clone' }): RequestWriter {
  to.u64(BigInt(flagsOf(op.create, namespaceFlags))).u32(outputs[op.output]);
  return writeJoins(to.string(op.uidMap).string(op.gidMap), op.join);
}

function writeJoins(to: RequestWriter, join: readonly NamespaceToJoin[]): RequestWriter {
  to.u32(join.length);
  for (const { type, path } of join) to.u32(namespaceFlags[type]).string(path);
  return to;
}

function writeLayers(to: RequestWriter, layers: OverlayLayers): RequestWriter {
  to.strings(layers.lowers)
    .string(layers.upper ?? '')
    .string(layers.work ?? '');
  to.flag(layers.volatile).flag(layers.userXattrs);
  return to.string(layers.context ?? '');
}

function writeMount(to: RequestWriter, op: SetupOp & { readonly kind: 'mount' }): RequestWriter {
  to.string(op.type).string(op.source).string(op.destination);
  to.u32(attributesSet(op.attributes)).u32(propagationNumber(op.propagation)).flag(op.real);
  to.u32(op.options.length);
  for (const { key, value } of op.options)
    to.string(key)
      .string(value ?? '')
      .flag(value !== undefined);
  return to;
}

function writeChanges(to: RequestWriter, changes: MountChanges): RequestWriter {
  const { set, clear, recursiveSet, recursiveClear } = changes;
  to.u32s([attributesSet(set), attributesCleared(set, clear)]);
  to.u32s([attributesSet(recursiveSet), attributesCleared(recursiveSet, recursiveClear)]);
  return to.u32(propagationNumber(changes.propagation));
}

function attributesSet(attributes: readonly MountAttribute[]): number {
  const time = attributes.filter((attribute) => accessTimes.has(attribute)).at(-1);
  return flagsOf(
    attributes.filter((attribute) => !accessTimes.has(attribute) || attribute === time),
    mountAttributes,
  );
}

function attributesCleared(set: readonly MountAttribute[], clear: readonly MountAttribute[]): number {
  const plain = flagsOf(
    clear.filter((attribute) => !accessTimes.has(attribute)),
    mountAttributes,
  );
  return [...set, ...clear].some((attribute) => accessTimes.has(attribute)) ? plain | accessTimeMask : plain;
}

/** Of one mount: mount_setattr(2) has no word for the recursive ones, which the plan's binds get with their own. */
function propagationNumber(propagation: Propagation | undefined): number {
  return propagation === undefined ? 0 : propagationFlags[propagation] & ~0x4000;
}

/** The spec's default for `args` is the path alone, and for `env` nothing. */
function writeHook(to: RequestWriter, { hook, state }: HookOp<'hook' | 'start-hook'>): RequestWriter {
  to.string(hook.path).strings(hook.args ?? [hook.path]);
  return to
    .strings(hook.env ?? [])
    .u32(hook.timeout ?? 0)
    .string(state[0])
    .string(state[1]);
}

function writeRlimit(to: RequestWriter, op: SetupOp & { readonly kind: 'rlimit' }): RequestWriter {
  const resource = rlimits[op.resource];
  if (resource === undefined) throw new TsbuildError('RUNTIME_SETUP', `unknown limit ${op.resource}`);
  return to.u32(resource).u64(rlimitNumber(op.soft)).u64(rlimitNumber(op.hard));
}

/** RLIM_INFINITY is the largest number; the config has it as -1. */
function rlimitNumber(limit: number): bigint {
  return limit < 0 ? 0xffff_ffff_ffff_ffffn : BigInt(limit);
}
