import type { Facts, Fix, UserNamespaceFacts } from '../types.ts';
import { advice, asRoot, command, install, sysctl } from './fixes.ts';
import { codeOf, failed, inContainer, isRoot, mayMount, ok, skipped, type Judgement } from './judgement.ts';

export function judgeUserNamespaces(facts: Facts): Judgement {
  const { steps } = facts.userNamespace;
  if (steps.create === undefined) return skipped('not tried: there is no folder to try it in');
  const needed = usesUserNamespace(facts);
  if (canMakeNamespaces(facts)) return ok(needed ? 'can be made' : 'can be made; root does not need them');
  const found = `cannot be made (${codeOf(steps.create) ?? `${codeOf(steps.map) ?? ''} when mapping ids`})`;
  if (isRoot(facts)) {
    if (!needed) return skipped(`${found}; root does not need them`);
    const lost = 'namespaces for builds, which root may not make either';
    return { status: 'warning', found, lost, needs: ['user-namespaces'], fixes: userNamespaceFixes(facts) };
  }
  return {
    status: 'error',
    found: `${found}${reasonOf(facts.userNamespace)}`,
    lost: 'without root nothing can be built or run',
    needs: ['user-namespaces'],
    fixes: userNamespaceFixes(facts),
  };
}

/** Where builds are done in one, if it can be made. */
export function usesUserNamespace(facts: Facts): boolean {
  return !isRoot(facts) || !mayMount(facts);
}

/** Made, with ids mapped: what ordinary users do everything in. */
export function canMakeNamespaces({ userNamespace: { steps } }: Facts): boolean {
  return steps.create?.ok === true && steps.map?.ok === true;
}

function reasonOf({ unprivilegedClone, most, apparmorRestricts }: UserNamespaceFacts): string {
  if (unprivilegedClone === 0) return ': kernel.unprivileged_userns_clone is 0';
  if (most === 0) return ': user.max_user_namespaces is 0';
  if (apparmorRestricts === 1) return ': kernel.apparmor_restrict_unprivileged_userns is 1';
  return '';
}

function userNamespaceFixes(facts: Facts): readonly Fix[] {
  const { unprivilegedClone, most, apparmorRestricts, steps } = facts.userNamespace;
  const fixes = [
    ...(unprivilegedClone === 0 ? sysctl(facts, 'kernel.unprivileged_userns_clone', 1) : []),
    ...(most === 0 ? sysctl(facts, 'user.max_user_namespaces', 15_000) : []),
    ...(apparmorRestricts === 1 ? apparmorFixes(facts) : []),
  ];
  if (fixes.length > 0 || inContainer(facts)) return fixes;
  const code = codeOf(steps.create);
  if (code === 'ENOSPC' || code === 'EUSERS') return sysctl(facts, 'user.max_user_namespaces', 15_000);
  if (code === 'EINVAL' || code === 'ENOSYS') return [advice('boot a kernel with CONFIG_USER_NS')];
  return [advice('run tsbuild as root, or outside of the chroot or sandbox that forbids user namespaces')];
}

/** One program is let through, and the restriction stays for all others. */
function apparmorFixes(facts: Facts): readonly Fix[] {
  if (inContainer(facts)) return sysctl(facts, 'kernel.apparmor_restrict_unprivileged_userns', 0);
  const { program } = facts.userNamespace;
  const profile = `abi <abi/4.0>, profile tsbuild ${program} flags=(unconfined) { userns, }`;
  return [
    command(`echo '${profile}' | sudo tee /etc/apparmor.d/tsbuild`),
    asRoot(facts, 'apparmor_parser -r /etc/apparmor.d/tsbuild'),
  ];
}

/** As many as images use: nobody is 65534. */
const wanted = 65_536;

const oneId =
  'files and processes of other users: apt-get, USER and COPY --chown fail, since there is one user id only';

export function judgeIdMaps(facts: Facts): Judgement {
  if (isRoot(facts)) return skipped('root does not need them');
  const { tools, uids, gids } = facts.idMaps;
  const names = ['newuidmap', 'newgidmap'] as const;
  const missing = names.filter((name) => tools[name] === undefined);
  if (missing.length > 0) {
    const found = `${missing.join(' and ')} ${missing.length === 1 ? 'is' : 'are'} not installed`;
    return {
      status: 'warning',
      found,
      lost: oneId,
      fixes: [install(facts, ['newuidmap']), ...rangeFixes(facts)],
    };
  }
  if (Math.min(uids, gids) < wanted) {
    const found =
      uids + gids === 0
        ? `/etc/subuid and /etc/subgid have no range for ${facts.user.name}`
        : `/etc/subuid and /etc/subgid give ${facts.user.name} ${uids} and ${gids} ids, and images use ${wanted}`;
    const lost = Math.min(uids, gids) === 0 ? oneId : 'files of users with higher ids';
    return { status: 'warning', found, lost, fixes: rangeFixes(facts) };
  }
  const powerless = names.filter((name) => tools[name]?.privileged !== true);
  if (powerless.length > 0) {
    const paths = powerless.map((name) => tools[name]?.path ?? name).join(' ');
    const found = `${powerless.join(' and ')} without the set-user-id bit or a file capability`;
    return { status: 'warning', found, lost: oneId, fixes: [asRoot(facts, `chmod u+s ${paths}`)] };
  }
  if (facts.user.noNewPrivileges) {
    return {
      status: 'warning',
      found: 'newuidmap and newgidmap gain no rights here (no_new_privs)',
      lost: oneId,
      needs: ['set-user-id'],
      fixes: inContainer(facts)
        ? []
        : [advice('start tsbuild without no_new_privs (systemd: NoNewPrivileges=no)')],
    };
  }
  return ok(`${uids} user and ${gids} group ids by newuidmap and newgidmap`);
}

function rangeFixes(facts: Facts): readonly Fix[] {
  const { uids, gids, nextFree } = facts.idMaps;
  const { name } = facts.user;
  if (Math.min(uids, gids) >= wanted) return [];
  const range = `${nextFree}-${nextFree + wanted - 1}`;
  const flags = [
    ...(uids < wanted ? [`--add-subuids ${range}`] : []),
    ...(gids < wanted ? [`--add-subgids ${range}`] : []),
  ];
  // Who has no entry in passwd(5) is none of usermod's users.
  if (!/^\d+$/.test(name)) return [asRoot(facts, `usermod ${flags.join(' ')} ${name}`)];
  const line = `${name}:${nextFree}:${wanted}`;
  return [asRoot(facts, `sh -c 'echo ${line} | tee -a /etc/subuid >> /etc/subgid'`)];
}

/** Whether some step of the namespace failed; steps that were not tried have not. */
export function stepFailed(facts: Facts, step: 'overlay' | 'proc' | 'network'): boolean {
  return failed(facts.userNamespace.steps[step]);
}
