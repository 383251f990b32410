/** A Dockerfile with most of what a step can be made of, and its context. */
export const explainedDockerfile = `
FROM busybox:1 AS work
ARG VERSION=1
ENV MODE=fast
WORKDIR /src
COPY lib lib
COPY <<notes /notes
kept
notes
RUN cat lib/* > out
RUN --mount=type=bind,source=tools,target=/tools cat /tools/* > tools
FROM busybox:1
COPY --from=work /src/out /out
LABEL kind=test
RUN cat /out
`.trimStart();

export const explainedFiles = {
  'lib/a.c': 'a\n',
  'lib/b.c': 'b\n',
  'lib/run.sh': 'echo\n',
  'tools/make': 'make\n',
  'more/a': 'a\n',
};
