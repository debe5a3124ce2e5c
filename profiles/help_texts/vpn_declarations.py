"""Words on the keys of declarations about VPNs; much is the same in all of them."""

from profiles.help_texts.network_declarations import MATCHES, below

_ON_DEMAND = {
    "OnDemand": "The VPN connects by itself. Left out, the user does it.",
    "OnDemand.Enabled": "Yes connects by the rules below.",
    "OnDemand.Rules": "What to do in which network; the first rule that fits decides.",
    "OnDemand.Rules.[]": "One rule. All that is given in it must fit.",
    "OnDemand.Rules.[].Action": "Connect: at the next need of the network; Disconnect: end it and stay without; "
    "Ignore: leave it as it is; EvaluateConnection: the domains below decide. Allow is outdated.",
    "OnDemand.Rules.[].ActionParameters": "Domains with a decision of their own, the first that fits. Only with "
    "EvaluateConnection.",
    "OnDemand.Rules.[].ActionParameters.[]": "Some domains and what goes for them.",
    "OnDemand.Rules.[].ActionParameters.[].Domains": "The domains.",
    "OnDemand.Rules.[].ActionParameters.[].Domains.[]": "One domain, such as example.com.",
    "OnDemand.Rules.[].ActionParameters.[].DomainAction": "ConnectIfNeeded: connect when a name of theirs cannot be "
    "found without the VPN; NeverConnect: do not connect for them.",
    "OnDemand.Rules.[].ActionParameters.[].RequiredDNSServers": "DNS servers that know the domains; the VPN connects "
    "when they cannot be reached. Only with ConnectIfNeeded.",
    "OnDemand.Rules.[].ActionParameters.[].RequiredDNSServers.[]": "IP address of one server.",
    "OnDemand.Rules.[].ActionParameters.[].RequiredURLStringProbe": "The VPN connects when this address does not "
    "answer with 200. Only with ConnectIfNeeded.",
    **below("OnDemand.Rules.[]", MATCHES),
}
_KEPT = {"OnDemand.DisableUserOverride": "Yes keeps users from turning connecting by itself off."}
_IDLE = {
    "Idle": "What happens to a connection that nobody uses.",
    "Idle.Disconnect": "Yes ends a connection that was made by itself, after the time below.",
    "Idle.Timer": "Seconds without traffic until then.",
}
_DNS = {
    "DNS": "DNS while the VPN is connected. Left out, the VPN brings its own.",
    "DNS.Protocol": "How the DNS server is asked. Cleartext: not encrypted apart from the VPN.",
    "DNS.ServerURL": "Address of the DNS server with https, such as https://dns.example.com/dns-query. Needed with "
    "HTTPS.",
    "DNS.ServerName": "Name that the DNS server's certificate must carry. Needed with TLS.",
    "DNS.ServerAddresses": "IP addresses of the DNS servers.",
    "DNS.ServerAddresses.[]": "One IP address, version 4 or 6.",
    "DNS.SearchDomains": "Domains that are tried after a name that has no dot.",
    "DNS.SearchDomains.[]": "One domain, such as example.com.",
    "DNS.DomainName": "Main domain of the network behind the VPN.",
    "DNS.SupplementalMatchDomains": "Domains that these servers are asked about; others go to the network's own. It "
    "does not count where all traffic goes through the VPN.",
    "DNS.SupplementalMatchDomains.[]": "One domain; an empty text stands for all.",
    "DNS.SupplementalMatchDomainsNoSearch": "No tries those domains after a name that has no dot, too.",
    "DNS.IdentityAssetReference": "Identifier of the asset with the identity to show to the DNS server. Left out, none "
    "is shown.",
}


def _web_proxy(name: str, what: str) -> dict[str, str]:
    return {
        f"Proxies.Protocol.{name}": f"The proxy for {what}.",
        f"Proxies.Protocol.{name}.Enable": "Yes uses it.",
        f"Proxies.Protocol.{name}.HostName": "Name or address of the proxy.",
        f"Proxies.Protocol.{name}.Port": "Port of the proxy; needed with the name.",
    }


_PROXIES = {
    "Proxies": "Web proxies while the VPN is connected. Left out, none are set.",
    "Proxies.AutoConfigEnable": "Yes takes the proxies from the file below.",
    "Proxies.AutoDiscoveryEnable": "No keeps the device from looking for such a file in the network.",
    "Proxies.AutoConfigURLString": "Address of the file that names the proxies (PAC).",
    "Proxies.SupplementalMatchDomains": "Domains that the proxies are used for.",
    "Proxies.SupplementalMatchDomains.[]": "One domain, such as example.com.",
    "Proxies.Protocol": "Proxies that are given here.",
    **_web_proxy("HTTP", "pages without encryption"),
    **_web_proxy("HTTPS", "pages with https"),
    "Proxies.Protocol.CredentialsAssetReference": "Identifier of the asset with user name and password for the "
    "proxies. Left out, none is given.",
}
_ROUTING = {
    "NetworkRouting": "Which traffic goes through the VPN.",
    "NetworkRouting.EnforceRoutes": "Yes puts the VPN's routes before those of the network. It does not count where "
    "all traffic goes through the VPN.",
    "NetworkRouting.IncludeAllNetworks": "Yes sends everything through the VPN, apart from what connects the device "
    "at all and from what is left out below.",
    "NetworkRouting.ExcludeLocalNetworks": "Yes leaves printers and others of the local network out of it.",
    "NetworkRouting.ExcludeCellularServices": "No takes calls over the internet, MMS and voicemail of the carrier "
    "through it too, where the carrier allows that.",
    "NetworkRouting.ExcludeAPNs": "No takes notifications through it too; without the VPN the device gets none, and no "
    "commands.",
    "NetworkRouting.ExcludeDeviceCommunication": "No takes traffic with devices on a cable or Wi-Fi nearby through it "
    "too.",
}
_PROVIDER = {
    "Provider": "The app's extension that carries the traffic.",
    "Provider.Type": "packet-tunnel: whole packets of the device; app-proxy: connections of apps.",
    "Provider.ComposedIdentifier": "Which extension, where the app has several; on a Mac it may carry the requirement "
    "for the signature in braces.",
}
_COMMON = {
    "VisibleName": "Name of the VPN as users see it.",
    "HostName": "Name or address of the VPN's server.",
    "Authentication": "How the device signs in.",
}


def _association(path: str, about: str) -> dict[str, str]:
    return {
        path: about,
        **below(path, {
            "EncryptionAlgorithm": "How data is encrypted; the server must offer it. AES-256-GCM when left out on "
            "Apple TV.",
            "IntegrityAlgorithm": "How data is protected from change; the server must offer it.",
            "DiffieHellmanGroup": "Group of the key exchange; the server must offer it.",
            "PostQuantumKeyExchangeMethods": "Further key exchanges that withstand quantum computers, in order; seven "
            "at most. Left out, none.",
            "PostQuantumKeyExchangeMethods.[]": "36: ML-KEM-768; 37: ML-KEM-1024; 0: none.",
            "LifeTimeInMinutes": "Minutes until new keys are agreed on.",
        }),
    }  # fmt: skip


_IKEV2 = {
    "HostName": _COMMON["HostName"],
    "LocalIdentifier": "What the device calls itself to the server: a name, an address or the subject of its "
    "certificate.",
    "RemoteIdentifier": "What the server must call itself, such as vpn.example.com.",
    "Authentication": _COMMON["Authentication"],
    "Authentication.Method": "How the device itself is known. None: by EAP alone where that is on, by a shared secret "
    "otherwise.",
    "Authentication.CredentialsAssetReference": "Identifier of the asset whose password is the shared secret. Needed "
    "with a shared secret.",
    "Authentication.IdentityCertificateType": "Kind of key that the identity has. The issuer of the server's "
    "certificate is needed with it.",
    "Authentication.IdentityAssetReference": "Identifier of the asset with the identity, for the device or EAP-TLS. "
    "Needed with a certificate.",
    "Authentication.ExtendedAuth": "Signing in by EAP, as a user does.",
    "Authentication.ExtendedAuth.Enabled": "Yes signs in by EAP.",
    "Authentication.ExtendedAuth.CredentialsAssetReference": "Identifier of the asset with user name and password, "
    "for EAP-MSCHAPv2.",
    "Authentication.ExtendedAuth.ServerCertificateIssuerCommonName": "Common name of the CA that issued the server's "
    "certificate; the server is asked for one from it.",
    "Authentication.ExtendedAuth.ServerCertificateCommonName": "Common name of the server's certificate. Left out, it "
    "must carry the remote identifier.",
    "Authentication.ExtendedAuth.TLSMinimumVersion": "Oldest version of TLS for EAP-TLS.",
    "Authentication.ExtendedAuth.TLSMaximumVersion": "Newest version of TLS for EAP-TLS.",
    **_PROVIDER,
    **_IDLE,
    "Idle.DeadPeerDetectionRate": "How often the server is asked if it is still there. Low: every half hour; Medium: "
    "every 10 minutes; High: every minute.",
    **_ON_DEMAND,
    **_KEPT,
    "UseConfigurationAttributeInternalIPSubnet": "Yes asks the server which subnets lie behind it.",
    "DisableMOBIKE": "Yes makes the VPN connect anew when the device changes networks.",
    "DisableRedirect": "Yes keeps the server from sending the device to another server.",
    "EnableNATKeepAliveOffload": "No saves battery, but the connection may lapse behind a router while the device "
    "sleeps.",
    "NATKeepAliveInterval": "Seconds between packets that keep it from lapsing. Left out, 20 on Wi-Fi and 110 on "
    "mobile data.",
    "EnablePFS": "Yes makes each new key independent of the earlier ones; the server must do so too.",
    "EnableCertificateRevocationCheck": "Yes asks if the server's certificate was revoked. No answer counts as not "
    "revoked.",
    "EnableFallback": "Yes keeps a second tunnel over mobile data for when Wi-Fi is weak. The server must allow two "
    "for one user.",
    "MTU": "Longest packet in bytes.",
    "EnforceStrictAlgorithmSelection": "Yes refuses weak methods, and any where the first encryption below is weaker "
    "than the second.",
    "PostQuantumKeyExchange": "Protection from quantum computers of the future.",
    "PostQuantumKeyExchange.PPK": "A secret that device and server share besides the keys. It goes with its name "
    "below.",
    "PostQuantumKeyExchange.PPKIdentifier": "Name by which the server knows the secret. It goes with the secret.",
    "PostQuantumKeyExchange.PPKMandatory": "No connects even where the server does not know the secret.",
    "PostQuantumKeyExchange.AllowFallback": "Yes connects even where the server knows no key exchange that withstands "
    "quantum computers.",
    **_association("IKESecurityAssociationParameters", "Encryption of the connection that keys are agreed over. It "
                   "goes for the data too where nothing else is given."),
    **_association("ChildSecurityAssociationParameters", "Encryption of the data. Left out, it is the same."),
}  # fmt: skip

TEXTS: dict[str, dict[str, str]] = {
    "configuration-network-vpn-ikev2": {**_COMMON, **_IKEV2, **_ROUTING, **_DNS, **_PROXIES},
    "configuration-network-vpn-always-on": {
        "VisibleName": _COMMON["VisibleName"],
        "UIToggleEnabled": "Yes lets users turn the VPN off.",
        "TunnelConfigurations": "The tunnels, such as one for Wi-Fi and one for mobile data.",
        "TunnelConfigurations.[]": "One tunnel.",
        "TunnelConfigurations.[].ProtocolType": "IKEv2 is all there is.",
        "TunnelConfigurations.[].Interfaces": "Where this tunnel is used.",
        "TunnelConfigurations.[].Interfaces.[]": "Wi-Fi or mobile data.",
        "TunnelConfigurations.[].IKEV2": "How this tunnel connects.",
        **below("TunnelConfigurations.[].IKEV2", _IKEV2),
        "ServiceExceptions": "Services that do not go through the VPN. Left out, all do.",
        "ServiceExceptions.[]": "One service.",
        "ServiceExceptions.[].ServiceName": "CellularServices: calls over the internet and MMS of the carrier; "
        "DeviceCommunication: devices on a cable or Wi-Fi nearby.",
        "ServiceExceptions.[].Action": "Allow: past the VPN; Drop: not at all.",
        "ApplicationExceptions": "Apps that connect past the VPN.",
        "ApplicationExceptions.[]": "One app.",
        "ApplicationExceptions.[].BundleIdentifier": "Bundle identifier of the app.",
        "ApplicationExceptions.[].LimitToProtocols": "Only these of its connections. Left out, all.",
        "ApplicationExceptions.[].LimitToProtocols.[]": "UDP is all there is.",
        "AllowCaptiveWebSheet": "Yes lets the page that a hotspot wants to see first past the VPN.",
        "AllowAllCaptiveNetworkPlugins": "Yes lets every app that signs in to hotspots past the VPN.",
        "AllowedCaptiveNetworkPlugins": "The apps that may, where not all may.",
        "AllowedCaptiveNetworkPlugins.[]": "One app.",
        "AllowedCaptiveNetworkPlugins.[].BundleIdentifier": "Bundle identifier of the app.",
        **_DNS,
        **_PROXIES,
    },
    "configuration-network-vpn-ipsec": {
        **_COMMON,
        "OverridePrimary": "Yes sends all traffic through the VPN.",
        "Authentication.Method": "How the device signs in: with a secret that all of a group share, or a certificate.",
        "Authentication.CredentialsAssetReference": "Identifier of the asset whose password is the shared secret.",
        "Authentication.IdentityAssetReference": "Identifier of the asset with the identity. Only with a certificate.",
        "Authentication.LocalIdentifier": "Name of the group, ending in hybrid where the server shows a certificate. "
        "Only with a shared secret.",
        "Authentication.LocalIdentifierType": "KeyID is all there is. Only with a shared secret.",
        "Authentication.PromptForVPNPIN": "Yes asks the user for a PIN when connecting.",
        "Authentication.XAuth": "Signing in as a user, besides the above.",
        "Authentication.XAuth.Enabled": "Yes signs in by XAuth.",
        "Authentication.XAuth.CredentialsAssetReference": "Identifier of the asset with user name and password. Needed "
        "where this is on.",
        "Authentication.XAuth.PasswordEncryption": "Prompt asks the user for the password each time. Left out, it does "
        "not.",
        **_IDLE,
        **_ON_DEMAND,
        **_DNS,
        **_PROXIES,
    },
    "configuration-network-vpn-vpn-plugin": {
        **_COMMON,
        "SubType": "Bundle identifier of the app that makes the VPN; its maker says which.",
        "VendorConfig": "Settings that the app reads.",
        "VendorConfig.Realm": "Kerberos realm, in the right case, for Juniper and Pulse Secure.",
        "VendorConfig.Role": "Role to connect with, for Juniper and Pulse Secure.",
        "VendorConfig.Group": "Group to connect to, for Cisco AnyConnect.",
        "VendorConfig.LoginGroupOrDomain": "Group or domain to sign in to, for SonicWALL.",
        "Authentication.Method": "How the user or the device signs in.",
        "Authentication.CredentialsAssetReference": "Identifier of the asset with user name and password. Needed where "
        "the method has a password.",
        "Authentication.IdentityAssetReference": "Identifier of the asset with the identity. Needed where the method "
        "has a certificate.",
        **_PROVIDER,
        **_ROUTING,
        **_IDLE,
        **_ON_DEMAND,
        **_KEPT,
        **_DNS,
        **_PROXIES,
    },
}
