"""Examples that help shows, for commands that do not bring their own. Imported by help alone."""

EXAMPLES = {
    "image ls": "\n".join(
        (
            "boxship images",
            "boxship images -q --filter dangling=true        ids of what lost its name",
        )
    ),
    "image pull": "\n".join(
        (
            "boxship pull redis:7",
            "boxship pull --platform linux/arm64 alpine      for another machine",
        )
    ),
    "system info": "\n".join(
        (
            "boxship info",
            "boxship info -f '{{.DefaultRuntime}}'",
        )
    ),
    "container attach": "boxship attach web              ctrl-p ctrl-q leaves it again",
    "container commit": "\n".join(
        (
            "boxship commit -m 'with vim' web mine:1",
            "boxship commit -c 'CMD [\"httpd\"]' web mine:2",
        )
    ),
    "container create": "\n".join(
        (
            "boxship create --name web -p 8080:80 nginx",
            "boxship start web",
        )
    ),
    "container diff": "boxship diff web                A is new, C was changed, D was removed",
    "container edit": "\n".join(
        (
            "boxship container edit --publish-add 8081:80 web",
            "boxship container edit --publish-from old new",
        )
    ),
    "container export": "boxship export -o web.tar web",
    "container inspect": "\n".join(
        (
            "boxship container inspect web",
            "boxship container inspect -f '{{json .Mounts}}' web",
        )
    ),
    "container kill": "\n".join(
        (
            "boxship kill web",
            "boxship kill -s HUP web         let it read its configuration anew",
        )
    ),
    "container logs": "\n".join(
        (
            "boxship logs -f --tail 20 web   the last lines, and what comes",
            "boxship logs --since 10m -t web",
        )
    ),
    "container pause": "boxship pause web",
    "container port": "\n".join(
        (
            "boxship port web",
            "boxship port web 80/tcp",
        )
    ),
    "container prune": "boxship container prune -f --filter until=24h",
    "container rename": "boxship rename web front",
    "container restart": "boxship restart -t 2 web",
    "container rm": "\n".join(
        (
            "boxship rm web",
            "boxship rm -f -v $(boxship ps -aq)      all containers with their anonymous volumes",
        )
    ),
    "container start": "\n".join(
        (
            "boxship start web db",
            "boxship start -ai shell         with our terminal",
        )
    ),
    "container stats": "\n".join(
        (
            "boxship stats                   all that run, live",
            "boxship stats --no-stream --format '{{.Name}} {{.MemUsage}}'",
        )
    ),
    "container stop": "\n".join(
        (
            "boxship stop web",
            "boxship stop -t 30 db           half a minute to tidy up",
        )
    ),
    "container top": "\n".join(
        (
            "boxship top web",
            "boxship top web -o pid,rss,args",
            "boxship top --live web",
        )
    ),
    "container unpause": "boxship unpause web",
    "container update": "\n".join(
        (
            "boxship update -m 512m --memory-swap 1g web",
            "boxship update --restart unless-stopped web db",
        )
    ),
    "container wait": "boxship wait job                prints its exit code once it has ended",
    "builder du": "boxship builder du",
    "builder prune": "boxship builder prune -f",
    "image history": "boxship history --no-trunc redis",
    "image inspect": "boxship image inspect -f '{{.Config.Cmd}}' redis",
    "image load": "\n".join(
        (
            "boxship load -i images.tar",
            "zcat images.tar.gz | boxship load",
        )
    ),
    "image prune": "\n".join(
        (
            "boxship image prune             what lost its name",
            "boxship image prune -a -f       all that no container uses",
        )
    ),
    "image push": "\n".join(
        (
            "boxship tag web registry.example.org/web:1",
            "boxship push registry.example.org/web:1",
        )
    ),
    "image rm": "\n".join(
        (
            "boxship rmi redis:6 redis:7",
            "boxship rmi $(boxship images -q --filter dangling=true)",
        )
    ),
    "image save": "\n".join(
        (
            "boxship save -o images.tar redis nginx",
            "boxship save redis | gzip > redis.tar.gz",
        )
    ),
    "image tag": "boxship tag web registry.example.org/web:1",
    "network connect": "\n".join(
        (
            "boxship network connect backend web",
            "boxship network connect --alias db --ip 10.1.0.9 backend web",
        )
    ),
    "network create": "\n".join(
        (
            "boxship network create backend",
            "boxship network create --subnet 10.1.0.0/24 --internal inside",
        )
    ),
    "network disconnect": "boxship network disconnect backend web",
    "network inspect": "boxship network inspect -f '{{range .Containers}}{{.Name}} {{end}}' backend",
    "network ls": "boxship network ls --filter driver=bridge",
    "network prune": "boxship network prune -f",
    "network rm": "boxship network rm backend",
    "volume create": "\n".join(
        (
            "boxship volume create store",
            "boxship volume create -o type=nfs -o o=addr=nas,rw -o device=:/share share",
        )
    ),
    "volume inspect": "boxship volume inspect -f '{{.Mountpoint}}' store",
    "volume ls": "boxship volume ls --filter dangling=true",
    "volume prune": "\n".join(
        (
            "boxship volume prune             anonymous ones",
            "boxship volume prune -a          also those with a name",
        )
    ),
    "volume rm": "boxship volume rm store",
    "volume snapshot": "boxship volume snapshot store",
    "system check": "\n".join(
        (
            "boxship system check",
            "boxship system check --repair",
        )
    ),
    "system events": "\n".join(
        (
            "boxship events --since 10m",
            "boxship events -f type=container -f event=die --format '{{.Actor.Attributes.name}}'",
        )
    ),
    "system prune": "\n".join(
        (
            "boxship system prune",
            "boxship system prune -a --volumes -f     everything that nothing uses",
        )
    ),
    "registry gc": "boxship registry gc",
    "registry ls": "\n".join(
        (
            "boxship registry ls",
            "boxship registry ls library/redis",
        )
    ),
    "registry rm": "boxship registry rm library/redis:6",
    "logout": "boxship logout registry.example.org",
    "completion": "\n".join(
        (
            "source <(boxship completion bash)",
            'boxship completion zsh > "${fpath[1]}/_boxship"',
            "boxship completion fish > ~/.config/fish/completions/boxship.fish",
        )
    ),
    "compose attach": "boxship compose attach web",
    "compose build": "boxship compose build --pull web",
    "compose commit": "boxship compose commit web mine:1",
    "compose cp": "boxship compose cp web:/etc/hosts .",
    "compose create": "boxship compose create",
    "compose down": "\n".join(
        (
            "boxship compose down",
            "boxship compose down -v         with its volumes",
        )
    ),
    "compose events": "boxship compose events --json",
    "compose exec": "boxship compose exec web sh",
    "compose export": "boxship compose export -o web.tar web",
    "compose images": "boxship compose images",
    "compose kill": "boxship compose kill -s HUP web",
    "compose logs": "boxship compose logs -f web",
    "compose ls": "boxship compose ls -a",
    "compose pause": "boxship compose pause",
    "compose port": "boxship compose port web 80",
    "compose ps": "boxship compose ps -a",
    "compose pull": "boxship compose pull --ignore-buildable",
    "compose push": "boxship compose push web",
    "compose restart": "boxship compose restart web",
    "compose restore": "boxship compose restore backup.tar",
    "compose rm": "boxship compose rm -sf web",
    "compose scale": "boxship compose scale web=3",
    "compose start": "boxship compose start",
    "compose stats": "boxship compose stats",
    "compose stop": "boxship compose stop -t 5",
    "compose top": "boxship compose top",
    "compose unpause": "boxship compose unpause",
    "compose version": "boxship compose version --short",
    "compose volumes": "boxship compose volumes",
    "compose wait": "boxship compose wait job",
    "compose watch": "boxship compose watch",
}
