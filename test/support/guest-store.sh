# In the small machine of scripts/vm.sh: a store on its disk, and what is done with it, a line before and after each.
program=$1 context=$2 saved=$3
shift 3
mkdir /run/disk /run/context
mount -t ext4 /dev/vda /run/disk
cp -a "$context/." /run/context
[ -d /run/disk/root ] || { cp -a "$saved" /run/disk/root; sync; }
tsbuild() { "$program" --root /run/disk/root "$@" 2>&1; }
build() {
  printf %s "$1" >/run/context/source/file
  touch -d @1000 /run/context/source/file /run/context/source
  tsbuild build --progress=plain -t app:1 /run/context
}
for deed; do
  echo "begin $deed"
  case $deed in
  wait-*) TSBUILD_SYNC=wait; export TSBUILD_SYNC; build "${deed#wait-}"; unset TSBUILD_SYNC ;;
  build-*) build "${deed#build-}" ;;
  repair) tsbuild fsck --repair ;;
  *) tsbuild "$deed" ;;
  esac
  echo "end $deed $?"
done
