/// A self-signed certificate and its key, FOR TESTS ONLY: published here, so it protects nothing. Valid for a hundred years from 2026.
package struct TestCertificate: Sendable {
    /// PEM.
    package let certificate: String
    /// PEM.
    package let privateKey: String

    /// Names 127.0.0.1.
    package static let loopback = TestCertificate(
        certificate: """
            -----BEGIN CERTIFICATE-----
            MIIBpzCCAUygAwIBAgIUN6hwabHFxcFBgljgFm5HQZcvFVYwCgYIKoZIzj0EAwIw
            HzEdMBsGA1UEAwwUR2F0ZWhvdXNlIHRlc3RzIG9ubHkwIBcNMjYxMTIzMTEzNjM2
            WhgPMjEyNjEwMzAxMTM2MzZaMB8xHTAbBgNVBAMMFEdhdGVob3VzZSB0ZXN0cyBv
            bmx5MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEQfNFUTtCGGRBv3e2UKluzSUP
            kI8EOfHG82SoMOkqnWmKnoPejs9s1HOOfJbQq3nAVUQfg6frX2xLOUv0nToBeqNk
            MGIwHQYDVR0OBBYEFCE9n7cqRnnBxjDcZEYrTSWFXAz3MB8GA1UdIwQYMBaAFCE9
            n7cqRnnBxjDcZEYrTSWFXAz3MA8GA1UdEQQIMAaHBH8AAAEwDwYDVR0TAQH/BAUw
            AwEB/zAKBggqhkjOPQQDAgNJADBGAiEAwXvNyAmjCf3Lceqi6pWTJRA0U05CKJYA
            er6E1oTp8qECIQCB4etwUPeV2CqLhhXyLiRey07uamoUsLhnRUQmhCFN+Q==
            -----END CERTIFICATE-----
            """,
        privateKey: """
            -----BEGIN PRIVATE KEY-----
            MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgxFMSlOW5Eo56D8+K
            Ecmmr+Ehe+M8LH/E+dZhKkJdPpuhRANCAARB80VRO0IYZEG/d7ZQqW7NJQ+QjwQ5
            8cbzZKgw6SqdaYqeg96Oz2zUc458ltCrecBVRB+Dp+tfbEs5S/SdOgF6
            -----END PRIVATE KEY-----
            """
    )

    /// Names other.example.
    package static let stranger = TestCertificate(
        certificate: """
            -----BEGIN CERTIFICATE-----
            MIIBrzCCAVWgAwIBAgIUGp4VcJg4Lxxpof/Z+yUh3LB/TBgwCgYIKoZIzj0EAwIw
            HzEdMBsGA1UEAwwUR2F0ZWhvdXNlIHRlc3RzIG9ubHkwIBcNMjYxMTIzMTE0MjIy
            WhgPMjEyNjEwMzAxMTQyMjJaMB8xHTAbBgNVBAMMFEdhdGVob3VzZSB0ZXN0cyBv
            bmx5MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEC9a8DmaUrHY4hplnbr4g9DKM
            nh8pit+oIC4RDHupFBu1a+okOclMYcKAMT/hly/3sHOnioSCB+Sntqu9a0wkoKNt
            MGswHQYDVR0OBBYEFNj6CIH3qWHuFUfBPNVwqmZXRuZvMB8GA1UdIwQYMBaAFNj6
            CIH3qWHuFUfBPNVwqmZXRuZvMBgGA1UdEQQRMA+CDW90aGVyLmV4YW1wbGUwDwYD
            VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiARB1HZcl9At0TUOsOPvfgE
            IHu7LfYReMSw7ScxtdyfWAIhAI6J6MQn/siriZs408Yba15KftNbbv8vA9RKSMW4
            QxVz
            -----END CERTIFICATE-----
            """,
        privateKey: """
            -----BEGIN PRIVATE KEY-----
            MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgcb0cdn2JzZiRWv/y
            HEuSentJKvTa6csm52Wx5vyueo6hRANCAAQL1rwOZpSsdjiGmWduviD0MoyeHymK
            36ggLhEMe6kUG7Vr6iQ5yUxhwoAxP+GXL/ewc6eKhIIH5Ke2q71rTCSg
            -----END PRIVATE KEY-----
            """
    )

    /// Names gatehouse.example in its common name alone.
    package static let commonName = TestCertificate(
        certificate: """
            -----BEGIN CERTIFICATE-----
            MIIBkDCCATWgAwIBAgIUKTZ0p1VGYBytoi0Ii1PiORv4TqMwCgYIKoZIzj0EAwIw
            HDEaMBgGA1UEAwwRZ2F0ZWhvdXNlLmV4YW1wbGUwIBcNMjYxMTI3MjMyNzEzWhgP
            MjEyNjExMDMyMzI3MTNaMBwxGjAYBgNVBAMMEWdhdGVob3VzZS5leGFtcGxlMFkw
            EwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEI79uSaNW9vW2U5K1MrZ/w4Tu/J15ynsU
            gBEhYB4uOG3ROyZlDmfL9/Wm6izlwd310QFwrwHWfPCdxKh17AxtfqNTMFEwHQYD
            VR0OBBYEFCC4JOjkzTeSkiSYVtYByLG2zEJ0MB8GA1UdIwQYMBaAFCC4JOjkzTeS
            kiSYVtYByLG2zEJ0MA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSQAwRgIh
            AJTvryom4v/ISHXCkD3hjH8NOMPLsvrnESkp3gPbUr1lAiEAz4xwg0U+RBk4RYn4
            zcbgeD5g+4UyjITwVv4L5xzI9Eg=
            -----END CERTIFICATE-----
            """,
        privateKey: """
            -----BEGIN PRIVATE KEY-----
            MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgzdjTb4gCCBMAFoIW
            MK/iw/3PfD87kdxfEspvhqLYkPmhRANCAAQjv25Jo1b29bZTkrUytn/DhO78nXnK
            exSAESFgHi44bdE7JmUOZ8v39abqLOXB3fXRAXCvAdZ88J3EqHXsDG1+
            -----END PRIVATE KEY-----
            """
    )
}
