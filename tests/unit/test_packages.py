"""Test that `tools/packages.py` passes pip's settings to uv, which does not read them."""

from tools.packages import uv_settings

DEFAULTS = uv_settings("")


def settings_for(pip_settings: str) -> dict[str, str]:
    return dict(uv_settings(pip_settings).items() - DEFAULTS.items())


def test_passes_on_an_index_and_its_ca() -> None:
    assert settings_for(
        "global.index-url='https://user@pypi.example.com/simple'\nglobal.cert='/etc/ca.pem'"
    ) == {
        "UV_DEFAULT_INDEX": "https://user@pypi.example.com/simple",
        "SSL_CERT_FILE": "/etc/ca.pem",
    }


def test_passes_on_several_values_of_a_setting() -> None:
    assert settings_for(
        "global.extra-index-url='https://a.example.com\\nhttps://b.example.com'\n"
        "global.find-links='/wheels /more'"
    ) == {
        "UV_INDEX": "https://a.example.com https://b.example.com",
        "UV_FIND_LINKS": "/wheels,/more",
    }


def test_environment_variable_overrides_a_file() -> None:
    index = ":env:.index-url='https://b.example.com'\nglobal.index-url='https://a.example.com'"
    assert settings_for(index) == {"UV_DEFAULT_INDEX": "https://b.example.com"}


def test_settings_of_other_commands_are_ignored() -> None:
    assert settings_for("download.index-url='https://a.example.com'\nglobal.timeout='60'") == {}
