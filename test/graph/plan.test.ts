import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { projectRoot } from '../support/paths.ts';
import { planCase, planText, type PlanCase } from '../support/plan-text.ts';

const fixtures = join(projectRoot, 'fixtures/graph');

/** Folders of fixtures/graph: Dockerfile, args.json for the options, plan.json for what must come of it. */
const cases: readonly (readonly [folder: string, title: string])[] = [
  ['env-before', 'L-065 words of one ENV see what was before it'],
  ['arg-in-order', 'L-066 L-080 names of one ARG are set one after the other'],
  ['latest-wins', 'L-067 L-068 of ENV and ARG the latest assignment is seen, config.Env keeps the ENV'],
  ['base-env', 'L-067 L-106 variables of the base are seen, PATH is added where it has none'],
  ['undefined', 'L-069 L-070 what is not set is empty, but stays as written in names'],
  ['global-args', 'L-081 global ARGs are for FROM, and for a stage that asks for them'],
  [
    'arg-values',
    'L-082 C-04 a build arg, even empty, goes before the default, the default before the global',
  ],
  ['arg-scope', 'L-083 L-107 an ARG is seen from its line on, and by stages that stand on its stage'],
  ['arg-history', 'L-084 L-204 RUN shows every ARG so far with the value that it sees'],
  ['proxies', 'L-088 proxies are seen by RUN in both cases, but are in no key part and no history'],
  ['platform-args', 'L-089 L-105 the platform has ARGs of its own'],
  ['platform-args-given', 'L-089 the platform’s ARGs may be overridden'],
  ['platform-args-unasked', 'L-089 without a bare ARG a stage does not see them'],
  ['builder-args', 'L-090 ARGs for the builder are not seen by commands, nor reported as unused'],
  ['unconsumed', 'L-087 C-04 build args that no ARG takes are reported, with the one that may be meant'],
  ['scratch', 'L-103 scratch is empty, its folder is /'],
  ['scratch-platform', 'L-103 L-105 what is put into scratch is for the target, whatever its FROM says'],
  ['base-config', 'L-106 L-204 a stage begins with the whole config and history of its base'],
  ['base-of-nothing', 'L-106 a base without any config'],
  ['base-platform', 'L-105 the image is for the platform that the base is for'],
  ['stage-names', 'L-101 L-102 L-150 stages are found by name without regard to case, and by number'],
  ['stage-duplicates', 'L-101 of two stages of one name the later is meant'],
  ['stage-before-image', 'L-102 a stage goes before an image of its name'],
  ['stage-config', 'L-107 FROM a stage takes over all of it'],
  ['onbuild-base', 'L-108 L-202 triggers of the base run first and are gone then'],
  ['onbuild-from', 'L-202 COPY --from of a trigger means the child’s stages'],
  ['onbuild-stage', 'L-107 L-108 triggers of a stage fire in the stage that stands on it, once'],
  ['onbuild-kept', 'L-048 L-202 L-204 ONBUILD keeps its text, heredoc and all, and leaves no history'],
  ['reachable', 'L-109 stages that the target does not need are never looked at'],
  ['target', 'L-110 C-05 the target may be any stage, by name'],
  ['resolved-once', 'L-104 S-66 each base is resolved once'],
  ['shell-forms', 'L-120 L-199 shell forms go through SHELL, exec forms are taken as they are'],
  ['heredocs', 'L-045 L-046 RUN with heredocs'],
  ['run-flags', 'L-124 C-19 RUN --network goes before the option'],
  ['run-mounts', 'L-127 L-128 mounts have absolute targets and their defaults'],
  ['copy-from', 'L-150 L-109 COPY --from a stage, a number, an image'],
  ['copy-flags', 'L-151 L-152 L-155 L-181 flags of COPY and what history shows of them'],
  ['copy-link', 'L-153 COPY --link stands on an empty root, unless --chmod or a name in --chown forbids it'],
  ['copy-link-scratch', 'L-153 COPY --link onto nothing'],
  ['copy-parents', 'L-154 L-181 COPY --parents needs no folder as destination'],
  ['copy-excludes', 'L-155 --exclude is taken as written, also beside heredocs'],
  [
    'add-http',
    'L-156 L-158 L-176 S-61 ADD of URLs: one file each, whose secrets no name and no history shows',
  ],
  ['add-git', 'L-156 L-157 L-158 L-177 ADD of repositories: all that is in them'],
  ['add-mixed', 'L-158 L-175 L-181 ADD keeps the order of local and remote sources'],
  ['mount-bind', 'L-127 L-128 L-144 bind mounts of the context, of stages, images and nothing'],
  ['mount-cache', 'L-090 L-142 L-143 ids of caches: the target as written, in a namespace; seeds'],
  ['mount-ssh', 'L-141 ssh mounts: default id and socket, numbered'],
  ['entitled', 'L-124 L-125 L-126 C-28 what RUN asks for when it is allowed'],
  ['network-given', 'L-124 C-19 the host’s network for all steps needs no further permission'],
  ['network-taken', 'L-124 C-19 RUN --network=default does not bring back a network that was taken away'],
  ['hostname', 'L-090 C-20 the name of a step’s host and of hosts added'],
  ['contexts-from', 'L-102 L-222 FROM a named context: an image with its config, or files alone'],
  ['contexts-folder', 'L-102 L-222 the files of a context are a layer, with a history of its own'],
  ['contexts-copy', 'L-102 L-150 L-222 files of named contexts, whose names have several spellings'],
  ['contexts-stages', 'L-102 L-222 a context takes the place of a stage, wherever it stands'],
  ['contexts-target', 'L-102 L-222 even of the target; its triggers are for others'],
  ['contexts-platform', 'L-102 L-222 a context for the platform goes before one for all'],
  ['contexts-reserved', 'L-102 contexts cannot replace scratch'],
  ['contexts-onbuild', 'L-202 triggers of the base see contexts'],
  ['no-cache-filter', 'C-07 stages without cache are picked by name; names of none are reported'],
  ['copy-destinations', 'L-160 L-161 L-164 destinations are joined with WORKDIR, a trailing slash is kept'],
  ['copy-heredocs', 'L-047 L-181 heredocs of COPY and ADD, expanded unless quoted'],
  ['cmd-resets', 'L-190 L-191 ENTRYPOINT drops an inherited CMD'],
  ['cmd-kept', 'L-190 L-191 L-192 but not one of its own stage, in any order'],
  ['entrypoint-cleared', 'L-191 ENTRYPOINT [] clears'],
  ['cmd-last', 'L-190 L-204 the last CMD wins, history keeps both, quoted as Go does'],
  ['env', 'L-193 ENV in both forms; a name keeps its first place'],
  ['label', 'L-194 C-18 labels are merged, those of the command line last and without history'],
  ['label-cli-only', 'C-18 labels of the command line alone'],
  ['expose', 'L-195 EXPOSE: ranges, protocols, variables of several words'],
  ['volume', 'L-196 VOLUME in both forms'],
  ['user', 'L-197 USER is for RUN and WORKDIR, not for COPY'],
  ['workdir', 'L-198 WORKDIR joins, cleans and makes folders; / makes none'],
  ['workdir-base', 'L-198 WORKDIR joins the base’s'],
  ['stopsignal', 'L-200 STOPSIGNAL is stored as written'],
  ['healthcheck', 'L-201 HEALTHCHECK: times are nanoseconds, what is not given stays out'],
  ['maintainer', 'L-203 MAINTAINER sets the author'],
  ['metadata-only', 'L-204 every instruction leaves history, only files leave layers'],
  ['no-cache', 'C-06 --no-cache makes every step anew but the base'],
  ['many-steps', 'O-92 names count what takes time, numbers in columns'],
  ['escape', 'L-007 names and expansion follow the escape directive'],
];

describe('a plan (UPDATE_GOLDEN=1 makes plan.json anew)', () => {
  it.each(cases)('%s: %s', async (folder) => {
    const dockerfile = readFileSync(join(fixtures, folder, 'Dockerfile'), 'utf8');
    const args = join(fixtures, folder, 'args.json');
    const options = existsSync(args) ? (JSON.parse(readFileSync(args, 'utf8')) as PlanCase) : {};
    const actual = `${JSON.stringify(planText(await planCase(dockerfile, options)), undefined, 2)}\n`;
    const golden = join(fixtures, folder, 'plan.json');
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(golden, actual);
    expect(actual).toBe(readFileSync(golden, 'utf8'));
  });

  it('has a title for every folder', () => {
    expect(readdirSync(fixtures).sort()).toEqual(cases.map(([folder]) => folder).sort());
  });
});
