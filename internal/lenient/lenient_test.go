package lenient_test

import (
	"encoding/json"
	"testing"
	"time"

	"advocatesync/internal/lenient"
)

func TestText_readsWhatAValueCanOnlyMean(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		raw, want string
		odd       bool
		id        bool
	}{
		"text":                  {`"a"`, "a", false, true},
		"a number":              {`12345678901234567.89`, "12345678901234567.89", false, false},
		"a large number":        {`1e3`, "1e3", false, false},
		"a whole number":        {`508000000002`, "508000000002", false, true},
		"a number below zero":   {`-7`, "-7", false, false},
		"a boolean":             {`true`, "true", false, false},
		"a boolean in quotes":   {`"true"`, "true", false, true},
		"null":                  {`null`, "", false, true},
		"an object":             {`{"a":1}`, "", true, false},
		"a list":                {`["a"]`, "", true, false},
		"a NUL":                 {`"a\u0000b"`, "ab", false, false},
		"half a surrogate pair": {`"a\ud83d"`, "a\ufffd", false, false},
		"a line break":          {`"a\nb"`, "a\nb", false, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got lenient.Text
			if err := json.Unmarshal([]byte(tt.raw), &got); err != nil {
				t.Fatal(err)
			}
			if _, ok := got.ID(); got.String() != tt.want || got.Odd() != tt.odd || ok != tt.id {
				t.Errorf("%q, odd %t, an id %t", got, got.Odd(), ok)
			}
		})
	}
}

func TestMoment_readsEveryForm(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	for raw, want := range map[string]time.Time{
		`"2026-11-28T12:00:00Z"`: at, `"2026-11-28T13:00:00.000+01:00"`: at, `1795867200000`: at, `"1795867200000"`: at, `1.7958672e12`: at,
		`1795867200`: {}, `1795867200000000`: {}, `1795867200000000000`: {}, `9e18`: {}, `"1970-01-21T00:00:00Z"`: {}, `"0000-01-01T00:00:00Z"`: {},
		`"9999-12-31T23:59:59Z"`: {}, `"0x19f"`: {}, `"+Inf"`: {}, `" 1795867200000 "`: at,
		`null`: {}, `""`: {}, `"soon"`: {}, `{}`: {}, `[]`: {}, `true`: {}, `0`: {}, `-1`: {}, `1e300`: {}, `"NaN"`: {},
	} {
		var got lenient.Moment
		if err := json.Unmarshal([]byte(raw), &got); err != nil || !got.Equal(want) {
			t.Errorf("%s: %v, %v, want %v", raw, got, err, want)
		}
	}
}

func TestContainers_loseTheOddElementAlone(t *testing.T) {
	t.Parallel()
	var got struct {
		List  lenient.List[struct{ ID lenient.Text }]
		None  lenient.List[int]
		Map   lenient.Map[lenient.Text]
		Odd   lenient.Map[lenient.Text]
		Null  lenient.Map[lenient.Text]
		Yes   lenient.Flag
		Quote lenient.Flag
		No    lenient.Flag
	}
	const raw = `{"List":[{"ID":1},"x",null,{"ID":"2"}],"None":{"a":1},"Map":{"a":1,"b":null,"c":{}},"Odd":[1],"Null":null,"Yes":true,"Quote":"true","No":[]}`
	if err := json.Unmarshal([]byte(raw), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.List) != 4 || got.List[0].ID.String() != "1" || got.List[1].ID.String() != "" || got.List[3].ID.String() != "2" || got.None != nil {
		t.Errorf("lists %+v, %v", got.List, got.None)
	}
	if got.Map.Odd || got.Map.Values["a"].String() != "1" || !got.Map.Values["c"].Odd() || !got.Odd.Odd || got.Null.Odd {
		t.Errorf("maps %+v, %+v, %+v", got.Map, got.Odd, got.Null)
	}
	if !got.Yes || !got.Quote || got.No {
		t.Errorf("flags %t %t %t", got.Yes, got.Quote, got.No)
	}
}
