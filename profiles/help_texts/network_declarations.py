"""Words on the keys of declarations about DNS and relays, and on the rules that tell one network from another."""

_DOMAIN = "One domain, such as example.com; it stands for all below it too."

MATCHES = {
    "DNSDomainMatch": "The rule holds where the network gives one of these as its search domain.",
    "DNSDomainMatch.[]": "One domain, such as example.com; *.example.com stands for all below it.",
    "DNSServerAddressMatch": "The rule holds where the network gives one of these as its DNS server.",
    "DNSServerAddressMatch.[]": "One address; 17.* stands for all that start with 17.",
    "InterfaceTypeMatch": "The rule holds only on this kind of connection. Left out, on any.",
    "SSIDMatch": "The rule holds only in one of these Wi-Fi networks. Left out, in all and without Wi-Fi.",
    "SSIDMatch.[]": "Name of one Wi-Fi network.",
    "URLStringProbe": "The rule holds only where this address answers with 200 and does not lead elsewhere.",
}


def below(path: str, texts: dict[str, str]) -> dict[str, str]:
    """Return the texts for keys of a dictionary, by path from the top."""
    return {f"{path}.{name}": text for name, text in texts.items()}


TEXTS: dict[str, dict[str, str]] = {
    "configuration-network-dns-proxy": {
        "VisibleName": "Name of the proxy as users see it.",
        "AppBundleIdentifier": "Bundle identifier of the app that answers DNS questions; it must be installed.",
        "ProviderComposedIdentifier": "Which of the app's extensions answers, where it has several; on a Mac it may "
        "carry the requirement for the signature in braces.",
        "ProviderConfiguration": "Settings that the app reads; its maker says which.",
        "ProviderConfiguration.*": "One setting of the app.",
        "DNSProxyUUID": "A UUID that managed apps refer to; only their questions go through the proxy then. Needed in "
        "User Enrollment.",
    },
    "configuration-network-dns-settings": {
        "VisibleName": "Name of the settings as users see it.",
        "DNSSettings": "The server that is asked, and how.",
        "DNSSettings.DNSProtocol": "HTTPS or TLS; a server offers one of them or both.",
        "DNSSettings.ServerURL": "Address of the server with https, such as https://dns.example.com/dns-query. Needed "
        "with HTTPS.",
        "DNSSettings.ServerName": "Name that the server's certificate must carry, such as dns.example.com. Only with "
        "TLS.",
        "DNSSettings.ServerAddresses": "IP addresses of the server. Left out, its name is looked up.",
        "DNSSettings.ServerAddresses.[]": "One IP address, version 4 or 6.",
        "DNSSettings.AllowFailover": "Yes asks the network's own server when this one does not answer; those questions "
        "are not encrypted.",
        "DNSSettings.IdentityAssetReference": "Identifier of the asset with the identity to show to the server. Left "
        "out, none is shown.",
        "DNSSettings.SupplementalMatchDomains": "Domains that this server is asked about. Left out, it is asked about "
        "all.",
        "DNSSettings.SupplementalMatchDomains.[]": _DOMAIN,
        "OnDemandRules": "In which networks the settings hold; the first rule that fits decides. Left out, in all.",
        "OnDemandRules.[]": "One rule. All that is given in it must fit.",
        "OnDemandRules.[].Action": "Connect: the settings hold; Disconnect: they do not; EvaluateConnection: the "
        "domains below decide.",
        "OnDemandRules.[].ActionParameters": "Domains with a decision of their own. Only with EvaluateConnection.",
        "OnDemandRules.[].ActionParameters.[]": "Some domains and what goes for them.",
        "OnDemandRules.[].ActionParameters.[].Domains": "The domains.",
        "OnDemandRules.[].ActionParameters.[].Domains.[]": _DOMAIN,
        "OnDemandRules.[].ActionParameters.[].DomainAction": "NeverConnect: the network's own server is asked about "
        "them; ConnectIfNeeded: this one is.",
        **below("OnDemandRules.[]", MATCHES),
        "ProhibitDisablement": "Yes keeps users from turning the settings off.",
    },
    "configuration-network-relay": {
        "VisibleName": "Name of the relays as users see it.",
        "Relays": "The servers that traffic goes through. With several it goes from one to the next.",
        "Relays.[]": "One server. It needs an address for HTTP/3 or HTTP/2, or both.",
        "Relays.[].HTTP3RelayURL": "Its address for HTTP/3, with https.",
        "Relays.[].HTTP2RelayURL": "Its address for HTTP/2, with https; taken where HTTP/3 is not possible.",
        "Relays.[].AdditionalHTTPHeaderFields": "Headers that each request carries besides the usual ones.",
        "Relays.[].AdditionalHTTPHeaderFields.*": "Value of one header.",
        "Relays.[].CredentialAssetReference": "Identifier of the asset with the identity to show to the server. Left "
        "out, none is shown.",
        "Relays.[].PublicKeyData": "Keys, one of which the server must have. Left out, its certificate is checked as "
        "usual.",
        "Relays.[].PublicKeyData.[]": "Identifier of the asset with one key in DER.",
        "MatchDomains": "Domains that go through the relays, with all below them. Where neither these nor names are "
        "given, everything does.",
        "MatchDomains.[]": _DOMAIN,
        "ExcludedDomains": "Domains that do not go through the relays, nor what is below them.",
        "ExcludedDomains.[]": _DOMAIN,
        "MatchFQDNs": "Single names that go through the relays. Where neither these nor domains are given, everything "
        "does.",
        "MatchFQDNs.[]": "One name, such as intranet.example.com; nothing below it.",
        "ExcludedFQDNs": "Single names that do not go through the relays. Where domains are given, only names below "
        "them matter.",
        "ExcludedFQDNs.[]": "One name, such as www.example.com; nothing below it.",
        "RelayUUID": "A UUID that managed apps refer to; their traffic goes through the relays then. Needed in User "
        "Enrollment.",
        "UIToggleEnabled": "No keeps users from turning the relays off.",
        "AllowDNSFailover": "Yes lets the network's own DNS server answer when the relay cannot.",
    },
}
