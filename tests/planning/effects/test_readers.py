"""HTTP requests, files and programs in the bodies of tasks."""

from __future__ import annotations

import pytest

from tests.planning.effects.doing import effects, task_doing

HTTP = "import requests, httpx\n"


@pytest.mark.covers("B-01")
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("requests.get('https://api.x.com/a?token=1')", ["http:get http https://api.x.com/a"]),
        ("requests.post(url='https://u:pw@x.com:8443/a', json=x)", ["http:post http https://x.com:8443/a"]),
        ("requests.delete(f'https://x.com/items/{x}')", ["http:delete http https://x.com/items/{?}"]),
        ("requests.put('https://x.com/' + x + '/b')", ["http:put http https://x.com/{?}/b"]),
        ("requests.get('https://%s/a' % x)", ["http:get http https://{?}/a"]),
        ("requests.patch('https://{}/{}'.format(x, 'b'))", ["http:patch http https://{?}/b"]),
        ("requests.get(f'{x}/orders')", ["http:get http https://{?}/orders"]),
        ("requests.get(x)", ["http:get http https://{?}"]),
        ("requests.request('DELETE', 'https://x.com')", ["http:delete http https://x.com"]),
        ("requests.request(x, 'https://x.com')", ["http:request http https://x.com"]),
        ("s = requests.Session()\ns.post('https://x.com/a')", ["http:post http https://x.com/a"]),
        ("with requests.Session() as s:\n    s.delete('https://x.com/a')", ["http:delete http https://x.com/a"]),
        (
            "with httpx.Client(base_url='https://x.com/v1/') as c:\n    c.get('/a')",
            ["http:get http https://x.com/v1/a"],
        ),
        ("httpx.Client().get('https://x.com/a')", ["http:get http https://x.com/a"]),
    ],
)
def test_request_is_method_host_and_path(body: str, expected: list[str]) -> None:
    assert effects(body, HTTP) == expected


def test_secret_path_of_a_chat_hook_is_not_shown() -> None:
    found = effects("requests.post('https://hooks.slack.com/services/T0/B0/canary', json=x)", HTTP)
    assert found == ["message:send slack slack://{?}"]


@pytest.mark.covers("B-01")
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("open('a.txt')", ["file:read filesystem file://a.txt"]),
        ("open('/data/a.txt', 'w').write('x')", ["file:write filesystem file:///data/a.txt"]),
        ("open(x, mode='ab')", ["file:append filesystem file://{?}"]),
        ("open('a', 'r+')", ["file:write filesystem file://a"]),
        ("open('a', x)", ["file:write filesystem file://a"]),
        ("with open(f'out/{x}.csv', 'w') as f:\n    f.write('a')", ["file:write filesystem file://out/{?}.csv"]),
        ("Path('a').write_text('x')", ["file:write filesystem file://a"]),
        ("(Path('a') / 'b' / x).unlink()", ["file:delete filesystem file://a/b/{?}"]),
        ("Path('a').joinpath('b.txt').read_text()", ["file:read filesystem file://a/b.txt"]),
        ("(Path(__file__).parent / 'out.txt').write_text('')", ["file:write filesystem file://out.txt"]),
        ("os.remove(os.path.join('a', 'b'))", ["file:delete filesystem file://a/b"]),
        ("shutil.rmtree('/data/x')", ["file:delete filesystem file:///data/x"]),
        ("(Path.home() / 'a' / x).unlink()", ["file:delete filesystem file://{?}/a/{?}"]),
        ("p = Path(x)\nif p.exists():\n    p.unlink()", ["file:delete filesystem file://{?}"]),
        ("with Path('a').open('w') as f:\n    f.write('')", ["file:write filesystem file://a"]),
    ],
)
def test_file_is_read_written_or_deleted(body: str, expected: list[str]) -> None:
    assert effects(body, "import os, shutil\nfrom pathlib import Path\n") == expected


@pytest.mark.covers("B-01")
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("subprocess.run(['ls', '-l'])", ["file:read filesystem process://ls"]),
        ("subprocess.run(['rm', '-rf', x])", ["file:delete filesystem process://rm"]),
        ("subprocess.check_call('rm -rf /data/x', shell=True)", ["file:delete filesystem process://rm"]),
        ("subprocess.run(['/usr/bin/thing', 'secret'])", ["process:execute shell process://thing"]),
        ("subprocess.run([x, 'a'])", ["process:execute shell process://{?}"]),
        ("subprocess.run(x)", ["process:execute shell process://{?}"]),
        ("os.system('sudo dropdb prod')", ["data:drop postgres process://dropdb"]),
        ("os.system('A=1 nohup thing --x')", ["process:execute shell process://thing"]),
        ("subprocess.run(['terraform', 'destroy', '-auto-approve'])", ["deploy:destroy terraform process://terraform"]),
        ("subprocess.run(['terraform', 'plan'])", ["deploy:read terraform process://terraform"]),
        ("subprocess.run(['kubectl', 'delete', 'pod', 'web'])", ["deploy:delete kubernetes k8s://pod/web"]),
        ("subprocess.run(['dbt', 'run', '--select', 'x'])", ["data:write dbt dbt://run"]),
        ("subprocess.run(['dbt', 'test'])", ["data:validate dbt dbt://test"]),
        ("os.system(\"psql -c 'TRUNCATE foo'\")", ["data:truncate postgres dataset://foo"]),
        ("os.system('curl -X DELETE https://u:p@h/a?k=1')", ["http:delete http https://h/a"]),
        ("os.system('aws s3 rm s3://b/k --recursive')", ["file:delete s3 process://aws"]),
        ("subprocess.run(['bash', '-c', 'echo hi; rm x'])", ["file:delete filesystem process://rm"]),
        ("os.system('echo hello')", []),
    ],
)
def test_program_is_named_and_well_known_ones_are_understood(body: str, expected: list[str]) -> None:
    assert effects(body, "import os, subprocess\n") == expected


def test_each_command_of_a_shell_line_is_read() -> None:
    found = effects("os.system('cp a b && rm a | tee c; thing')", "import os\n")
    assert found == [
        "file:delete filesystem process://rm",
        "file:copy filesystem process://cp",
        "file:write filesystem process://tee",
        "process:execute shell process://thing",
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("curl -XDELETE https://h/a", "http:delete http https://h/a"),
        ("curl -sX DELETE https://h/a", "http:delete http https://h/a"),
        ("kubectl -n prod delete pod x", "deploy:delete kubernetes k8s://pod/x"),
        ("kubectl --token hidden delete pod x", "deploy:delete kubernetes k8s://pod/x"),
        ("terraform apply plan", "deploy:update terraform process://terraform"),
        ("terraform state rm x", "deploy:delete terraform process://terraform"),
        ("docker exec db ls", "deploy:update docker process://docker"),
        ("sudo -u joe rm x", "file:delete filesystem process://rm"),
        ("env -u A rm x", "file:delete filesystem process://rm"),
        ("nice -n 5 rm x", "file:delete filesystem process://rm"),
        ("echo `rm x`", "file:delete filesystem process://rm"),
        ("if true; then rm x; fi", "file:delete filesystem process://rm"),
        ("for i in a b; do rm $i; done", "file:delete filesystem process://rm"),
        ("{ rm x; }", "file:delete filesystem process://rm"),
        ("! rm x", "file:delete filesystem process://rm"),
    ],
)
def test_words_around_a_command_do_not_hide_what_it_does(line: str, expected: str) -> None:
    plan = task_doing(f"os.system({line!r})", head="import os")
    found = [effect for step in plan.steps for effect in step.effects]
    assert [f"{effect.action} {effect.provider} {effect.resource}" for effect in found] == [expected]
    assert "hidden" not in plan.model_dump_json()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("os.system('echo hi > out.txt')", ["file:write filesystem file://out.txt"]),
        ("os.system('echo hi >> /var/log/a')", ["file:append filesystem file:///var/log/a"]),
        ("os.system('thing > /dev/null 2>&1')", ["process:execute shell process://thing"]),
        ("os.system('echo \\'a > b\\'')", []),
        ("os.system('curl -o a.zip https://h/a')", ["file:write filesystem file://a.zip", "http:get http https://h/a"]),
        ("os.system('wget --method=DELETE https://h/a')", ["http:delete http https://h/a"]),
        ("os.system('wget https://h/a')", ["http:get http https://h/a"]),
        ("os.system('psql -f q.sql')", ["data:drop postgres dataset://orders"]),
        ("os.system('psql < q.sql')", ["data:drop postgres dataset://orders"]),
        ("os.system('psql -f other.sql')", ["data:write postgres dataset://{?}"]),
        ("os.system('psql db <<EOF\\nDROP TABLE t;\\nEOF\\n')", ["data:drop postgres dataset://t"]),
        ("os.system('mysql <<< \\'DROP TABLE t\\'')", ["data:drop mysql dataset://t"]),
        ("os.system('echo \\'DROP TABLE t\\' | psql')", ["data:drop postgres dataset://t"]),
        ("os.system('sqlite3 a.db \\'DROP TABLE t\\'')", ["data:drop sqlite dataset://t"]),
        ("subprocess.run(['psql'], input=b'DROP TABLE t')", ["data:drop postgres dataset://t"]),
        ("os.system('redis-cli -h h FLUSHALL')", ["data:purge redis redis://{?} !"]),
        ("os.system('redis-cli GET a')", ["data:read redis redis://{?}"]),
        ("subprocess.run(shlex.split('rm -rf x'))", ["file:delete filesystem process://rm"]),
        ("subprocess.run('rm x'.split())", ["file:delete filesystem process://rm"]),
        ("subprocess.run(['x', 'a'], executable='rm')", ["file:delete filesystem process://rm"]),
        ("os.system('rsync -a --delete a b')", ["file:delete filesystem process://rsync"]),
        ("os.system('terraform apply -destroy')", ["deploy:destroy terraform process://terraform"]),
        ("os.system('rclone purge r:b')", ["file:delete filesystem process://rclone"]),
        ("os.system('ssh -p 22 u@h rm x')", ["file:delete ssh process://rm"]),
        ("os.system('ssh h')", ["process:execute ssh process://ssh"]),
    ],
)
def test_what_a_shell_line_writes_and_is_given_to_read_counts(body: str, expected: list[str]) -> None:
    files = {"flows/q.sql": "DROP TABLE orders"}
    assert sorted(effects(body, "import os, shlex, subprocess\n", files=files)) == sorted(expected)


@pytest.mark.parametrize(
    "line",
    [
        "timeout -k 3 5 rm x",
        "flock -n /tmp/l rm x",
        "flock /tmp/l -c 'rm x'",
        "eval 'rm x'",
        "busybox rm x",
        "uv run --with a rm x",
        "find . -name a -exec rm {} \\;",
        "find . | xargs -n 1 rm",
    ],
)
def test_programs_that_start_another_do_not_hide_it(line: str) -> None:
    assert "file:delete filesystem process://rm" in effects(f"os.system({line!r})", "import os\n")
